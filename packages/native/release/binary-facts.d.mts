export const packageFolder: string;
export function inspectBinary(bytes: Buffer, target: string): { problems: string[]; floor: string | undefined };
export function sha256(bytes: Buffer | string): string;
export function sourcesDigest(): string;
export const manifestFile: string;
