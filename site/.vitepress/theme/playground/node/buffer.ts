export { Buffer } from 'buffer';
export const constants = { MAX_LENGTH: 2 ** 32 };
