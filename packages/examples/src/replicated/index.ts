/** A write-ahead log whose records are also kept by a stream. See README.md beside this file. */
export { followStream } from './copy-from-stream.js';
export type { NatsServer, NatsServerOptions } from './nats-server.js';
export { startNatsServer } from './nats-server.js';
export type { NatsStreamOptions } from './nats-stream.js';
export { NatsStream } from './nats-stream.js';
export type { RecordStream, StreamBounds } from './record-stream.js';
export { StreamConflict } from './record-stream.js';
export type { ReplicatedErrorCode } from './replicated-error.js';
export { ReplicatedError } from './replicated-error.js';
export type { Ack, ReplicatedWalOptions } from './replicated-wal.js';
export { ReplicatedWal } from './replicated-wal.js';
