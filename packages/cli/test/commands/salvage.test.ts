import { mockDriver } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import { commandLineOn } from '../mock-surroundings.js';
import { content, damaged, DB, PAGE } from './damaged-files.js';

describe('salvage', () => {
  it('copies what can be read, and lists the gaps beside the copy', async () => {
    const line = damaged();
    const { status, out } = await line.run('salvage', DB, '/backup/copy.db');
    expect(out).toBe('61440 of 65536 bytes; 1 gap [20480, 24576), listed in /backup/copy.db.gaps.json\n');
    expect(status).toBe(1);
    const copy = line.made.get('/backup/copy.db') ?? Buffer.alloc(0);
    expect(copy.subarray(0, 5 * PAGE)).toEqual(Buffer.from(content(16).subarray(0, 5 * PAGE)));
    expect(copy.subarray(6 * PAGE)).toEqual(Buffer.from(content(16).subarray(6 * PAGE)));
    expect(JSON.parse(String(line.made.get('/backup/copy.db.gaps.json')))).toEqual({
      version: 1,
      source: DB,
      copy: '/backup/copy.db',
      sizeBytes: 65536,
      salvagedBytes: 61440,
      gaps: [{ offset: 20480, length: 4096, reason: 'media' }],
    });
  });

  it('puts a byte of choice into the gaps', async () => {
    const line = damaged();
    await line.run('salvage', DB, '/copy', '--fill', '238');
    expect(
      line.made
        .get('/copy')
        ?.subarray(20480, 24576)
        .every((byte) => byte === 238),
    ).toBe(true);
  });

  it('makes no list for a file that is whole, and replaces nothing', async () => {
    const line = damaged();
    expect((await line.run('salvage', '/pmem/other', '/copy')).status).toBe(0);
    expect([...line.made.keys()]).toEqual(['/copy']);
    expect(await line.run('salvage', DB, '/copy')).toMatchObject({
      status: 2,
      err: expect.stringContaining('exists already') as string,
    });
    expect(line.made.get('/copy')).toHaveLength(2 * PAGE);
  });

  it('leaves no copy behind when it is interrupted', async () => {
    const driver = mockDriver();
    driver.writeFile('/pmem/big', content(5000));
    const line = commandLineOn(driver, {
      beforeWrite: () => {
        line.interrupt.abort();
      },
    });
    expect(await line.run('salvage', '/pmem/big', '/copy')).toMatchObject({ status: 2 });
    expect([...line.made.keys()]).toEqual([]);
  });
});
