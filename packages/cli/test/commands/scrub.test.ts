import { describe, expect, it } from 'vitest';
import { damaged, DB, PAGE } from './damaged-files.js';

describe('scrub', () => {
  it('finds errors that are not known yet, beside those that are', async () => {
    const line = damaged();
    line.driver.poison(DB, { offset: 9 * PAGE, length: 1 }, { latent: true });
    const { status, out } = await line.run('scrub', DB);
    expect(out).toContain('[20480, 24576)  4096 B   known before');
    expect(out).toContain('[36864, 40960)  4096 B   found now');
    expect(out).toContain('65536 bytes read; 8192 bytes cannot be read');
    expect(status).toBe(1);
  });

  it('reads a range only, and ends with 0 where it is healthy', async () => {
    expect(await damaged().run('scrub', DB, '--range', '0:16K')).toMatchObject({
      status: 0,
      out: `${DB}: 16384 bytes read; 0 bytes cannot be read\n`,
    });
  });

  it('says how far it came when it is interrupted: that is not healthy', async () => {
    const line = damaged({}, {});
    line.interrupt.abort();
    expect(await line.run('scrub', '/pmem/other')).toMatchObject({
      status: 2,
      out: '/pmem/other: interrupted after 0 of 8192 bytes; 0 bytes cannot be read\n',
    });
  });

  it('shows rate and remaining time on a terminal', async () => {
    let ms = 0;
    const line = damaged({}, { canRewrite: true, now: () => new Date((ms += 1500)) });
    const { err } = await line.run('scrub', '/pmem/replica.db');
    expect(err).toMatch(/^\rscrubbed 64\.0 KiB of 64\.0 KiB \(100 %\), .*\/s/);
    expect(err.endsWith('\r')).toBe(true);
  });
});
