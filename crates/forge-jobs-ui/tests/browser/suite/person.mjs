// What a person, or a screen reader, finds on the page: by role and name, by label, and by what is said.

import assert from 'node:assert/strict';

export const main = (page) => page.getByRole('main');
export const heading = (page, name) => main(page).getByRole('heading', { level: 1, name, exact: true });
export const navigation = (page) => page.getByRole('navigation', { name: 'Pages', exact: true });
export const tab = (page, name) => navigation(page).getByRole('link', { name, exact: true });
export const button = (scope, name) => scope.getByRole('button', { name, exact: true });
export const link = (scope, name) => scope.getByRole('link', { name, exact: true });
export const region = (page, name) => main(page).getByRole('region', { name, exact: true });
export const dialog = (page, name) => page.getByRole('dialog', name && { name, exact: typeof name === 'string' });
export const group = (page, name) => page.getByRole('group', { name, exact: true });
export const field = (scope, label) => scope.getByLabel(label, { exact: true });
export const row = (page, table, name) => main(page).getByRole('table', { name: table, exact: true }).getByRole('row', { name });

// Counts of queues that take long serve for a while, and are counted anew beside those who look.
export const COUNTED = { timeout: 30000 };

// The page has what it asked for. Being on its way has no role: it is a state.
export const settled = (page) => page.waitForFunction(() => !document.querySelector('main [aria-busy=true]'));

// What is said aloud after something was done.
export const said = (page, text) => page.getByRole('status').filter({ hasText: text }).first().waitFor();
export const alert = (scope, text) => scope.getByRole('alert').filter({ hasText: text });

// To a page by `g` and its letter. Both are sent at once: a page that is busy between them would find the second one late.
export const goes = (page, letter) => Promise.all([page.keyboard.press('g'), page.keyboard.press(letter)]);

// What a field says of itself beside its label: its hint, and what is wrong with it.
const described = (element) =>
  (element.getAttribute('aria-describedby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
export const about = (it) => it.evaluate(described);
// Until the field says so; what only the server knows comes later.
export async function wrong(it, text) {
  await it.and(it.page().locator('[aria-invalid=true]')).waitFor();
  assert.match(await about(it), text);
}

// The button that does nothing yet, or no more: it stays where a keyboard finds it.
export const isOff = (it) => it.isDisabled();
// Until it does something, and until it does nothing.
export const on = (scope, name) => scope.getByRole('button', { name, exact: true, disabled: false }).waitFor();
export const off = (scope, name) => scope.getByRole('button', { name, exact: true, disabled: true }).waitFor();
// Until what was typed is saved: while it is on its way there is something to undo.
export const saved = (form) => button(form, 'Undo').waitFor({ state: 'hidden' });

// Lists of jobs. A row is found by its box, which says the whole id.
const CHOOSE = /^Choose [0-9a-f]{8}-/;
export const boxes = (page) => main(page).getByRole('checkbox', { name: CHOOSE });
export const box = (page, id) => main(page).getByRole('checkbox', { name: `Choose ${id}`, exact: true });
export const job = (page, id) => main(page).getByRole('row').filter({ has: page.getByRole('checkbox', { name: `Choose ${id}`, exact: true }) });
export const ids = (page) => boxes(page).evaluateAll((all) => all.map((box) => box.getAttribute('aria-label').slice('Choose '.length)));
export const someJobs = (page) => boxes(page).first().waitFor();
export const open = (page, id) => job(page, id).getByRole('link', { name: id.slice(-8), exact: true });
export const filter = (page) => page.getByRole('combobox', { name: 'Filter', exact: true });
export const chosen = (page) => group(page, 'Chosen jobs');
export const all = (page) => group(page, 'All that match');
export const acts = (page) => group(page, 'What can be done');

// Until a list has these jobs and no others.
export async function lists(page, wanted) {
  const text = JSON.stringify([...wanted].sort());
  await page.waitForFunction((text) => {
    const boxes = [...document.querySelectorAll('main input[aria-label^="Choose "]')].map((box) => box.getAttribute('aria-label').slice(7));
    return JSON.stringify(boxes.filter((id) => id.length === 36).sort()) === text;
  }, text);
}

// Where a job, a queue or a schedule stands, beside its heading.
export const stands = (page, word) => group(page, /^(Status|State)$/).getByText(word, { exact: true }).waitFor();

// Answers a question, by its title and the button that says yes; `typed` where that is asked for.
export async function answer(page, title, yes, typed) {
  const asked = dialog(page, title);
  if (typed !== undefined) {
    assert.ok(await button(asked, yes).isDisabled(), 'it can be done before its number is typed');
    await asked.getByRole('textbox').fill(typed);
  }
  await button(asked, yes).click();
}
