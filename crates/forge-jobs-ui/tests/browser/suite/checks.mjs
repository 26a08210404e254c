// A list of checks. What one says of itself, beside its name:
//   real     why it is not on the made-up queue; `made`: why it is there alone
//   alone    it is run when all others are done: it ends the server
//   expect   what the console of the page may complain of
// and the options of the browser's context.

export function list() {
  const checks = [];
  return { checks, check: (name, run, options = {}) => checks.push({ name, run, ...options }) };
}

// Ids as the queue makes them, so that a check knows the jobs that it has put there.
let last = 0;
const digits = (n, length) => n.toString(16).padStart(length, '0').slice(-length);
export function id() {
  last += 1;
  const at = digits(Date.now(), 12);
  return `${at.slice(0, 8)}-${at.slice(8)}-7000-8000-${digits(process.pid, 6)}${digits(last, 6)}`;
}

export const later = '2050-01-01T00:00:00Z';
// So many jobs that wait for nobody: of a kind that no worker knows, or of a time that is far away.
export const waiting = (count, queue, more = {}) =>
  Array.from({ length: count }, (_, n) => ({ id: id(), kind: 'waits', queue, payload: { n }, ...more }));
export const scheduled = (count, queue, more = {}) => waiting(count, queue, { run_at: later, ...more });
