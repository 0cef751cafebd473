/** Errnos of a network filesystem that say nothing of the medium, by number. */
export const TRANSIENT_ERRNOS = {
  ENOSPC: 28,
  EDQUOT: 122,
  EACCES: 13,
  ESTALE: 116,
  ETIMEDOUT: 110,
  ENOTCONN: 107,
  ENOMEM: 12,
  EINTR: 4,
  EAGAIN: 11,
};
