/** The simulated kernel touched memory that it does not map: the machine is gone, and every later call says so. */
export class KernelOops extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KernelOops';
  }
}
