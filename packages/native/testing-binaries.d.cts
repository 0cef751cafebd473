declare const binaries: Readonly<Record<string, (() => unknown) | undefined>>;
export = binaries;
