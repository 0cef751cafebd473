import { Buffer } from 'buffer';
import { sha256 } from 'js-sha256';

type Bytes = Uint8Array | string;

/** SHA-256, the only digest that the journal uses. */
export function createHash(name: string): { update(data: Bytes): ReturnType<typeof createHash>; digest(encoding?: 'hex'): never } {
  if (name !== 'sha256') throw new Error(`no digest ${name}`);
  const hash = sha256.create();
  const self = {
    update: (data: Bytes) => {
      hash.update(data);
      return self;
    },
    digest: (encoding?: 'hex') => (encoding === 'hex' ? hash.hex() : Buffer.from(hash.arrayBuffer())) as never,
  };
  return self;
}

export function randomBytes(lengthBytes: number): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(lengthBytes)));
}
