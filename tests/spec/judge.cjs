// Stands between the gateway and a simulated venue and asks Prism what it thinks of each request.
//
//   node judge.cjs PRISM_HOME PRISM_ORIGIN VENUE_ORIGIN DOCUMENT [NEWER_DOCUMENT]
//
// The verdict is Prism's (`prism mock --errors` over the venue's OpenAPI document); the answer is the
// venue's, so that orders live and the gateway goes on to its next request. Prism lets parameters pass
// that the document does not have; they are counted here, apart from those that a newer document has.
// Prints its port. GET /_report gives what was seen.
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const FORM = 'application/x-www-form-urlencoded';
// The proof of who sends it; documents differ on whether it is a parameter.
const SIGNATURE = 'signature';

// Parameters that Binance documents since the documents at hand were made, each with where it says so.
const DOCUMENTED_SINCE = {
  // "Modify Order" of the official connector for USD-M futures, 18.1: repeated for a reduce-only order, it
  // spares the change the least notional.
  'PUT /fapi/v1/order': ['reduceOnly'],
};

const [prismHome, prismOrigin, venueOrigin, ...files] = process.argv.slice(2);
const yaml = require(path.join(prismHome, 'node_modules/@stoplight/yaml'));
const [document, newer] = files.map((file) => yaml.parse(fs.readFileSync(file, 'utf8')));

/** What a document says an operation takes: names of its parameters, and whether in a form; null without such an operation. */
function declared(document, method, pathname) {
  const item = document && document.paths[pathname];
  const operation = item && item[method.toLowerCase()];
  if (!operation) return null;
  const resolve = (value) => (value.$ref ? value.$ref.slice(2).split('/').reduce((at, key) => at[key], document) : value);
  const parameters = [...(item.parameters || []), ...(operation.parameters || [])].map(resolve);
  const body = operation.requestBody && resolve(operation.requestBody).content[FORM];
  const fields = body ? Object.keys(resolve(body.schema).properties || {}) : [];
  const query = parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name);
  return { names: new Set([SIGNATURE, ...query, ...fields]), inForm: Boolean(body) };
}

function send(origin, request, body) {
  return new Promise((resolve, reject) => {
    const headers = { ...request.headers, host: new URL(origin).host };
    const outgoing = http.request(origin + request.url, { method: request.method, headers }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const seen = [];

/** Each thing that the document forbids about a request, and each parameter that only the newer document has. */
function judge(request, url, verdict) {
  const found = [];
  const older = [];
  const known = declared(document, request.method, url.pathname);
  const knownToNewer = declared(newer, request.method, url.pathname);
  // An operation that no document has cannot be judged by one.
  if (!known && !knownToNewer) return { violations: [], older: [], unspecified: true };
  for (const name of new Set(url.searchParams.keys())) {
    if (!known || known.names.has(name)) continue;
    const since = DOCUMENTED_SINCE[`${request.method} ${url.pathname}`] || [];
    if ((knownToNewer && knownToNewer.names.has(name)) || since.includes(name)) older.push(`query.${name}`);
    else found.push(`query.${name}: not a parameter of this operation`);
  }
  const isProblem = String(verdict.headers['content-type'] || '').includes('problem+json');
  const header = verdict.headers['sl-violations'];
  const judged = header ? JSON.parse(header) : [];
  if (verdict.status >= 400) {
    const problem = isProblem ? JSON.parse(verdict.body.toString()) : { title: `answered ${verdict.status}` };
    if (problem.validation) judged.push(...problem.validation);
    else found.push([problem.title, problem.detail].filter(Boolean).join(': '));
  }
  for (const { location, message } of judged) {
    // Prism also judges the example that it made up as an answer; that says nothing of the request.
    if (location[0] !== 'response') found.push(`${location.join('.')}: ${message}`);
  }
  return { violations: [...new Set(found)], older };
}

/** The venue takes parameters in the query or in a form; Prism only where its document has them. */
function asDocumented(request, url, body) {
  const known = declared(document, request.method, url.pathname);
  if (!known || !known.inForm || body.length > 0) return [request, body];
  const form = url.search.slice(1);
  const headers = { ...request.headers, 'content-type': FORM, 'content-length': form.length };
  return [{ method: request.method, url: url.pathname, headers }, form];
}

async function serve(request, response) {
  if (request.url === '/_report') return response.end(JSON.stringify(seen));
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const url = new URL(request.url, venueOrigin);
  const verdict = await send(prismOrigin, ...asDocumented(request, url, body));
  seen.push({ operation: `${request.method} ${url.pathname}`, query: url.search, ...judge(request, url, verdict) });
  try {
    const answer = await send(venueOrigin, request, body);
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  } catch {
    // The venue closed the connection without a word; so does this.
    request.socket.destroy();
  }
}

const server = http.createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(`judge: ${error}`);
    request.socket.destroy();
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
