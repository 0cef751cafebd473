/** Bytes of a page of this kernel. */
export const PAGE: number;
