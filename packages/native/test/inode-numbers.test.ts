import { describe, expect, it } from 'vitest';
import { keepsInodes } from '../src/inode-numbers.js';

const mounts = () => [
  '22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw',
  '63 22 0:40 / /tmp/a\\040b rw,nosuid - fuse.sshfs me@there: rw,user_id=0',
  '64 22 0:41 /part /tmp/c rw,nosuid - fuse.bindfs /home rw,user_id=0',
  '65 22 0:41 / /tmp/d rw,nosuid - fuse.bindfs /home rw,user_id=0',
  '66 22 7:3 / /tmp/e rw,nosuid - fuseblk /dev/loop3 rw,user_id=0',
  '67 22 0:42 / /tmp/f rw,nosuid - fuse.mergerfs /home rw,user_id=0',
  '',
].join('\n');

const roots: Record<string, { device: string; inode: bigint }> = {
  '/tmp/a b': { device: '0:40', inode: 1n },
  '/tmp/c': { device: '0:41', inode: 1n },
  '/tmp/d': { device: '0:41', inode: 5464609n },
  '/tmp/e': { device: '7:3', inode: 5n },
  '/tmp/f': { device: '0:99', inode: 2n },
};

function lookAt(place: string): { device: string; inode: bigint } {
  const root = roots[place];
  if (root === undefined) throw new Error('EACCES');
  return root;
}

describe('whether a daemon of FUSE keeps inode numbers', () => {
  it.each([
    ['sshfs, whose root is the first', '0:40', false],
    ['bindfs, by the mount of its root, and not by that of a part', '0:41', true],
    ['ntfs-3g on a block device', '7:3', true],
    ['one over which something else is mounted', '0:42', undefined],
    ['one that is mounted nowhere', '0:77', undefined],
  ])('%s', (_, device, expected) => {
    expect(keepsInodes('fuse', device, mounts, lookAt)).toBe(expected);
  });

  it('is not known if its root cannot be looked at', () => {
    expect(keepsInodes('fuse', '0:40', mounts, () => { throw new Error('EACCES'); })).toBeUndefined();
    expect(keepsInodes('fuse', '0:40', mounts)).toBeUndefined();
  });

  it('is not asked of filesystems of the kernel', () => {
    expect(keepsInodes('ext4', '254:1')).toBeUndefined();
    expect(keepsInodes('virtiofs', '0:40', mounts, lookAt)).toBeUndefined();
  });
});
