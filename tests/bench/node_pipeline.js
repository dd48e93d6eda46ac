// node_pipeline.js - gunzip, drop the lines that hold a word, gzip -1, write: with Node's own streams.
// Usage: node node_pipeline.js IN.gz WORD OUT.gz
'use strict';
const fs = require('node:fs');
const zlib = require('node:zlib');
const { pipeline, Transform } = require('node:stream');

const [input, word, output] = process.argv.slice(2);

// Whole chunks are searched and only the lines around a hit are cut out: the fast way in Node.
class DropLines extends Transform {
  constructor(needle) {
    super();
    this.needle = Buffer.from(needle);
    this.rest = null;
  }

  filter(text) {
    let from = 0;
    for (let at = text.indexOf(this.needle); at !== -1; at = text.indexOf(this.needle, from)) {
      const start = text.lastIndexOf(10, at) + 1;
      let end = text.indexOf(10, at);
      end = end === -1 ? text.length : end + 1;
      if (start > from) this.push(text.subarray(from, start));
      from = end;
    }
    if (from < text.length) this.push(text.subarray(from));
  }

  _transform(chunk, encoding, done) {
    const last = chunk.lastIndexOf(10);
    if (last === -1) {
      this.rest = this.rest ? Buffer.concat([this.rest, chunk]) : chunk;
    } else {
      const lines = chunk.subarray(0, last + 1);
      this.filter(this.rest ? Buffer.concat([this.rest, lines]) : lines);
      this.rest = last + 1 < chunk.length ? chunk.subarray(last + 1) : null;
    }
    done();
  }

  _flush(done) {
    if (this.rest) this.filter(this.rest);
    done();
  }
}

const size = 256 * 1024;
pipeline(
  fs.createReadStream(input, { highWaterMark: size }),
  zlib.createGunzip({ chunkSize: size }),
  new DropLines(word),
  zlib.createGzip({ level: 1, chunkSize: size }),
  fs.createWriteStream(output, { highWaterMark: size }),
  (error) => {
    if (error) {
      console.error(error.message);
      process.exitCode = 1;
    }
  },
);
