/** Numbers that tell one log, store or file from another. */
import { randomBytes } from 'node:crypto';

/** 64 random bits, not all zero. */
export function randomId(): bigint {
  const id = randomBytes(8).readBigUInt64LE();
  return id === 0n ? randomId() : id;
}
