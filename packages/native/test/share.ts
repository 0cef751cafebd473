/** The size of what takes long: `npm test` does a share, `npm run test:states` (it sets EXPLORED_STATES) the whole. */
export function sizeOf({ whole, share }: { readonly whole: number; readonly share: number }): number {
  return process.env.EXPLORED_STATES === undefined ? share : whole;
}
