// test.js - the addon against Node's own streams. Prints TAP.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { once } = require('node:events');
const { Readable, Writable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const leat = require('./index.js');

const tests = {};
// Neither all random nor all equal.
const data = Buffer.concat(Array.from({ length: 300 }, (_, i) => (i % 3 ? crypto.randomBytes(4000) : Buffer.alloc(9000, i))));

const collect = async (stream) => Buffer.concat(await stream.toArray());

tests['gzip and gunzip are those of zlib'] = async () => {
  const packed = await collect(Readable.from([data]).pipe(leat.pipeline('gzip -1')));
  assert(zlib.gunzipSync(packed).equals(data));
  assert((await collect(Readable.from([zlib.gzipSync(data)]).pipe(leat.pipeline('gunzip')))).equals(data));
};

tests['pieces of any size go through in order'] = async () => {
  const stream = leat.pipeline('gzip -1 : gunzip');
  const all = collect(stream);
  for (let at = 0, n = 1; at < data.length; at += n, n = (n * 7 + 1) % 70001)
    if (!stream.write(data.subarray(at, at + n))) await once(stream, 'drain');
  stream.end();
  assert((await all).equals(data));
};

tests['a text with an error throws, and says where'] = () => {
  assert.throws(() => leat.pipeline('gzip : gunzap'), { code: 'EUSAGE', stage: 'gunzap', message: /did you mean gunzip/ });
  assert.throws(() => leat.pipeline('gzip -x'), Error);
};

tests['bad data is an Error with code, stage and offset'] = async () => {
  const packed = zlib.gzipSync(data);
  packed[packed.length >> 1] ^= 1;
  const error = await pipeline(Readable.from([packed]), leat.pipeline('gunzip'), new Writable({ write: (c, e, done) => done() }))
    .then(() => assert.fail('no error'), (e) => e);
  assert.strictEqual(error.code, 'ECORRUPT');
  assert.strictEqual(error.stage, 'gunzip');
  assert(error.offset > 0 && error.offset <= packed.length, `offset ${error.offset}`);
};

tests['head needs no more, which is no error'] = async () => {
  async function* lines() {
    for (let i = 0; i < 1e5; i++) yield Buffer.from(`line ${i}\n`);
  }
  const out = [];
  await pipeline(lines, leat.pipeline('head -n 2'), async (stream) => {
    for await (const piece of stream) out.push(piece);
  });
  assert.strictEqual(Buffer.concat(out).toString(), 'line 0\nline 1\n');
};

tests['files: an output is there when the stream has finished, and not after an error'] = async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'leat-node-'));
  const file = path.join(dir, 'out.gz');
  try {
    const broken = leat.pipeline(`gzip : write '${file}'`, { readable: false });
    broken.write(data);
    broken.destroy(new Error('the client has left'));
    await assert.rejects(once(broken, 'close'), /the client has left/);
    assert.deepStrictEqual(fs.readdirSync(dir), []);
    await pipeline(Readable.from([data]), leat.pipeline(`gzip : write '${file}'`, { readable: false }));
    assert(zlib.gunzipSync(fs.readFileSync(file)).equals(data));
    const back = await collect(leat.pipeline(`read '${file}' : gunzip`, { writable: false }));
    assert(back.equals(data));
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
};

tests['destroy in the middle closes, once, and calls the write that was refused'] = async () => {
  const stream = leat.pipeline('pass');
  let closed = 0;
  let failed;
  stream.on('close', () => closed++);
  stream.write(Buffer.alloc(8 << 20), (error) => (failed = error));
  await new Promise(setImmediate);
  stream.destroy();
  await once(stream, 'close');
  await new Promise(setImmediate);
  assert.strictEqual(closed, 1);
  assert(failed instanceof Error);
};

tests['both ways wait: what is in flight is bounded'] = async () => {
  const stream = leat.pipeline('pass');
  const piece = Buffer.alloc(65536);
  let sent = 0;
  const send = () => stream.write(piece, (error) => error || ((sent += piece.length), send()));
  send();
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert(sent > 0 && sent < 4 << 20, `${sent} bytes were taken, and none read`);
  stream.destroy();
  await once(stream, 'close');
};

tests['100 pipelines at once'] = async () => {
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const own = data.subarray(i * 1000);
    assert((await collect(Readable.from([own]).pipe(leat.pipeline('gzip -1 : gunzip')))).equals(own));
  }));
};

(async () => {
  const names = Object.keys(tests);
  console.log(`1..${names.length}`);
  for (const [i, name] of names.entries()) {
    try {
      await tests[name]();
      console.log(`ok ${i + 1} ${name}`);
    } catch (error) {
      console.log(`not ok ${i + 1} ${name}\n# ${String(error.stack).replaceAll('\n', '\n# ')}`);
      process.exitCode = 1;
    }
  }
})();
