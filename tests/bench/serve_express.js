// serve_express.js - an upload handler as it is usually written: express and busboy, each file of a form through streams to a
// temporary file, which is renamed. With PUT, the body itself.
// Usage: node serve_express.js PORT DIR store|recode
'use strict';
const fs = require('node:fs');
const zlib = require('node:zlib');
const crypto = require('node:crypto');
const path = require('node:path');
const { pipeline, Transform } = require('node:stream');
const express = require('express');
const busboy = require('busboy');

const [port, dir, job] = process.argv.slice(2);

function receive(stream, name, done) {
  const hash = crypto.createHash('sha256');
  const digest = new Transform({ transform(chunk, encoding, next) { hash.update(chunk); next(null, chunk); } });
  const target = path.join(dir, path.basename(name));
  const stages = { store: [], recode: [zlib.createGunzip(), digest, zlib.createGzip({ level: 1 })] }[job];
  pipeline(stream, ...stages, fs.createWriteStream(`${target}.tmp`), (error) => {
    if (error) return fs.unlink(`${target}.tmp`, () => done(error));
    if (job === 'recode') fs.writeFileSync(`${target}.sha256`, `${hash.digest('hex')}\n`);
    fs.rename(`${target}.tmp`, target, done);
  });
}

const app = express();
app.post('/form', (request, response) => {
  let left = 1, failed;
  const finished = (error) => {
    failed ||= error;
    if (--left === 0) response.status(failed ? 500 : 201).send(failed ? String(failed) : 'stored');
  };
  const form = busboy({ headers: request.headers });
  form.on('file', (field, stream, info) => { left++; receive(stream, info.filename, finished); });
  form.on('close', () => finished());
  form.on('error', finished);
  request.pipe(form);
});
app.put('/in/:name', (request, response) => {
  receive(request, request.params.name, (error) => response.status(error ? 500 : 201).send('done'));
});
app.listen(Number(port), '127.0.0.1', () => console.log('listening'));
