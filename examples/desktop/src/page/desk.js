// The program's own page. Whatever comes from the disk is text, and becomes nothing else.

const call = (command, args) => window.__TAURI_INTERNALS__.invoke(command, args);
const at = (id) => document.getElementById(id);
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

function size(bytes) {
  let unit = 0;
  while (bytes >= 1000 && unit < UNITS.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${UNITS[unit]}`;
}

function say(text, bad = false) {
  at('said').textContent = text;
  at('said').classList.toggle('bad', bad);
}

async function attempt(what, done) {
  try {
    await what();
    say(done);
  } catch (error) {
    say(String(error), true);
  }
  await show();
}

function cell(text, name) {
  const td = document.createElement('td');
  td.textContent = text;
  if (name) td.className = name;
  return td;
}

function row(group, folder) {
  const tr = document.createElement('tr');
  const where = cell('', 'path');
  for (const path of group.paths) {
    const line = document.createElement('div');
    line.textContent = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
    line.title = path;
    where.append(line);
  }
  if (group.files > group.paths.length) {
    const more = document.createElement('div');
    more.textContent = `and ${group.files - group.paths.length} more`;
    where.append(more);
  }
  const button = document.createElement('button');
  button.textContent = 'Replace…';
  button.addEventListener('click', () => ask([group]));
  const last = cell('');
  last.append(button);
  tr.append(cell(size(group.size)), cell(group.copies), cell(size(group.size * (group.copies - 1))), where, last);
  return tr;
}

function ask(groups) {
  const copies = groups.reduce((sum, group) => sum + group.others, 0);
  const frees = groups.reduce((sum, group) => sum + group.size * (group.copies - 1), 0);
  at('question').textContent = `Replace ${copies} ${copies === 1 ? 'copy' : 'copies'} by hard links? This frees ${size(frees)}.`;
  const dialog = at('sure');
  dialog.returnValue = '';
  dialog.onclose = () => {
    if (dialog.returnValue !== 'yes') return;
    const args = { groups: groups.map((group) => group.sha256), copies };
    attempt(() => call('folder_link', args), `${copies} jobs replace copies; Mission Control shows them.`);
  };
  dialog.showModal();
}

let drawn = '';

async function show() {
  let now;
  try {
    now = await call('folder_show');
  } catch (error) {
    say(String(error), true);
    return;
  }
  if (now.folder && document.activeElement !== at('path') && !at('path').value) at('path').value = now.folder;
  for (const name of ['files', 'hashed', 'unfinished', 'dead']) at(name).textContent = now[name].toLocaleString('en');
  for (const name of ['bytes', 'reclaimable']) at(name).textContent = size(now[name]);
  at('far').max = Math.max(now.files, 1);
  at('far').value = now.hashed;
  at('far').hidden = now.hashed === now.files;
  at('scan').disabled = !now.folder;
  // Rows stay as they are while nothing about them changes: a button does not move away from under a finger.
  const wanted = JSON.stringify(now.duplicates);
  if (wanted === drawn) return;
  drawn = wanted;
  at('rows').replaceChildren(...now.duplicates.map((group) => row(group, now.folder)));
  at('table').hidden = now.duplicates.length === 0;
  at('none').hidden = now.duplicates.length > 0;
  at('title').textContent =
    now.groups > now.duplicates.length ? `Duplicates: the largest ${now.duplicates.length} of ${now.groups}` : 'Duplicates';
  at('all').hidden = now.duplicates.length < 2;
  at('all').onclick = () => ask(now.duplicates);
}

at('choose').addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(() => call('folder_choose', { path: at('path').value }), 'The folder is being looked at.');
});
at('scan').addEventListener('click', () => attempt(() => call('folder_scan'), 'The folder is being looked at.'));

async function watch() {
  if (!document.hidden) await show();
  setTimeout(watch, 1000);
}

watch();
