// node_stream.js - what Node's own streams move: the counterpart of embed.c.
//
//   node node_stream.js feed SIZE [KIND]     4 GiB in pieces of SIZE bytes through a stream that passes all, and is read
//   node node_stream.js write SIZE [KIND]    2 million pieces of SIZE bytes into such a stream, which is read
//
// KIND: passthrough (if not given), transform, or leat: the addon of tests/examples/node, in the module LEAT_MODULE.
// The program may use its memory again after leat_end_push, so here each piece is a copy, too. With SHARED=1 it is always
// the same one: then Node hands over references, and no byte moves. Prints nanoseconds for each piece, and GiB/s.
'use strict';
const { PassThrough, Transform } = require('node:stream');

const [what, size, kind = 'passthrough'] = process.argv.slice(2);
const piece = Buffer.alloc(Number(size));
const shared = process.env.SHARED === '1';
const n = what === 'write' ? 2e6 : Math.ceil(2 ** 32 / piece.length);
const stream = {
  passthrough: () => new PassThrough({ highWaterMark: 1 << 20 }),
  transform: () => new Transform({ highWaterMark: 1 << 20, transform: (chunk, encoding, done) => done(null, chunk) }),
  leat: () => require(process.env.LEAT_MODULE).pipeline('pass'),
}[kind]();

const start = process.hrtime.bigint();
let written = 0;
let bytes = 0;
stream.on('data', (chunk) => (bytes += chunk.length));
stream.on('end', () => {
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (bytes !== n * piece.length) throw new Error(`${bytes} bytes came out`);
  console.log(`${what}: ${((seconds * 1e9) / n).toFixed(0)} ns each, ${(bytes / seconds / 2 ** 30).toFixed(2)} GiB/s`);
});
(function more() {
  while (written < n) {
    written++;
    if (!stream.write(shared ? piece : Buffer.from(piece))) {
      stream.once('drain', more);
      return;
    }
  }
  stream.end();
})();
