// Prints a Swagger 2 document as OpenAPI 3, in the form in which requests can be judged by it.
//
//   node convert-swagger.cjs HOME SWAGGER.json
//
// HOME has swagger2openapi installed. The base path goes into each path, because Prism looks at paths alone;
// and each form becomes a JSON body as well, which a document that consumes JSON allows, with no fields
// beyond its own.
'use strict';

const fs = require('fs');
const path = require('path');

const [home, file] = process.argv.slice(2);
const converter = require(path.join(home, 'node_modules/swagger2openapi'));
const swagger = JSON.parse(fs.readFileSync(file, 'utf8'));
const FORMS = ['application/x-www-form-urlencoded', 'multipart/form-data'];
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

converter.convertObj(swagger, { patch: true, warnOnly: true }, (error, { openapi } = {}) => {
  if (error) throw error;
  const paths = {};
  for (const [name, item] of Object.entries(openapi.paths)) {
    paths[(swagger.basePath || '') + name] = item;
    for (const method of METHODS) {
      const body = item[method] && item[method].requestBody;
      if (!body || !body.content) continue;
      const form = FORMS.map((type) => body.content[type]).find(Boolean);
      const schema = (form || body.content['application/json']).schema;
      body.content = { 'application/json': { schema: { ...schema, additionalProperties: false } } };
    }
  }
  openapi.paths = paths;
  delete openapi.servers;
  console.log(JSON.stringify(openapi));
});
