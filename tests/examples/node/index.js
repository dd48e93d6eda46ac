// index.js - leat.pipeline(text): a pipeline of libleat as a Duplex, with backpressure both ways.
//
//     pipeline(fs.createReadStream('a.gz'), leat.pipeline('gunzip : zstd -3'), fs.createWriteStream('a.zst'), done);
//
// `{ writable: false }` is for a text that begins with a source, such as `read a.gz`, and `{ readable: false }` for
// one that ends with a sink, such as `write a.zst`: it is finished when its output is in place.
'use strict';
const { Duplex } = require('node:stream');
const native = require(process.env.LEAT_NODE || './leat.node');

const EPIPE = -14; // the pipeline needs no more, as after `head`: no failure

class Pipeline extends Duplex {
  #stream;
  #pulls;
  #write = null; // { chunk, at, callback }: not pushed yet
  #wanted = false; // _read was called, and nothing was there
  #over = false;
  #atEnd = []; // called when the run has ended

  constructor(text, options = {}) {
    super({ ...options, decodeStrings: true, objectMode: false });
    this.#pulls = options.readable !== false;
    this.#stream = native.open(this, text, options.writable !== false, this.#pulls);
  }

  // Called once after a refusal of the one end or the other.
  onReady() {
    this.#push();
    this.#pull();
  }

  _write(chunk, encoding, callback) {
    this.#write = { chunk, at: 0, callback };
    this.#push();
  }

  #push() {
    const w = this.#write;
    if (!w) return;
    const n = native.push(this.#stream, w.chunk, w.at);
    if (n >= 0) w.at += n;
    if (n < 0 && n !== EPIPE) return; // onDone follows
    if (n >= 0 && w.at < w.chunk.length) return;
    this.#write = null;
    w.callback();
  }

  _final(callback) {
    native.end(this.#stream);
    if (this.#pulls) callback();
    else this.#whenOver(callback); // the output is in place
  }

  _read() {
    this.#wanted = true;
    this.#pull();
  }

  #pull() {
    while (this.#wanted) {
      const piece = native.pull(this.#stream);
      if (piece === undefined) return; // onReady follows, or onDone
      this.#wanted = piece !== null && this.push(piece);
      if (piece === null) this.push(null);
    }
  }

  _destroy(error, callback) {
    if (!this.#over) native.end(this.#stream, error ? String(error.message) : 'destroyed');
    this.#whenOver(() => {
      this.#write?.callback(error ?? new Error('the stream is destroyed'));
      callback(error);
    });
  }

  #whenOver(callback) {
    if (this.#over) callback();
    else this.#atEnd.push(callback);
  }

  // The run has ended: all that it had is closed.
  onDone(error) {
    this.#over = true;
    if (error) {
      if (error.offset < 0) delete error.offset;
      this.destroy(error);
    } else {
      this.#push();
    }
    for (const callback of this.#atEnd.splice(0)) callback();
  }
}

exports.pipeline = (text, options) => new Pipeline(text, options);
