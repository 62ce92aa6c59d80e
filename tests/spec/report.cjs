// Prints what judge.cjs saw: requests and violations of each operation. Ends with 1 if there are any,
// or if an operation that was to be tried never came.
//
//   node report.cjs REPORT.json "METHOD /path" ...
'use strict';

const seen = JSON.parse(require('fs').readFileSync(process.argv[2], 'utf8'));
const expected = process.argv.slice(3);
const operations = [...new Set([...expected, ...seen.map((r) => r.operation)])].sort();
let failed = false;

console.log('operation'.padEnd(36) + 'requests'.padStart(9) + 'in violation'.padStart(14));
for (const operation of operations) {
  const requests = seen.filter((r) => r.operation === operation);
  const bad = requests.filter((r) => r.violations.length > 0);
  failed ||= requests.length === 0 || bad.length > 0;
  console.log(operation.padEnd(36) + String(requests.length).padStart(9) + String(bad.length).padStart(14));
}
const texts = new Map();
for (const request of seen) {
  for (const violation of request.violations) {
    const key = `${request.operation}  ${violation}`;
    const known = texts.get(key) || { count: 0, query: request.query };
    texts.set(key, { ...known, count: known.count + 1 });
  }
}
for (const text of new Set(seen.flatMap((r) => r.older.map((name) => `${r.operation}  ${name}`)))) {
  console.log(`\ndocumented elsewhere and later only: ${text}`);
}
for (const text of new Set(seen.filter((r) => r.unspecified).map((r) => r.operation))) {
  console.log(`\nnot in the specification, so not judged: ${text}`);
}
for (const [text, { count, query }] of texts) {
  console.log(`\n${count} x ${text}\n    first: ${query.replace(/signature=[^&]*/, 'signature=...')}`);
}
const unjudged = seen.filter((r) => r.unspecified).length;
console.log(`\n${seen.length} requests, ${unjudged} not judged, ${seen.filter((r) => r.violations.length > 0).length} in violation`);
process.exit(failed ? 1 : 0);
