import { describe, expect, it } from 'vitest';
import { nameFilesystem } from '../src/filesystem-name.js';

/** Lines as Linux 6.12 has them. A mount point may hold anything but a plain space. */
const mounts = () => [
  '22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw',
  '61 22 0:38 / /mnt/x\\040-\\0409p rw,relatime shared:7 - 9p xch rw,access=client,cache=mmap,trans=virtio',
  '62 22 0:36 / /tmp/v42 rw,relatime - nfs4 127.0.0.1:/v42 rw,vers=4.2,soft',
  '63 22 0:40 / /tmp/s rw,nosuid - fuse.sshfs me@there: rw,user_id=0',
  '66 22 0:43 / /tmp/l rw,nosuid - fuse.bindfs /home rw,user_id=0',
  '67 22 0:44 / /tmp/m rw,nosuid - fuse daemon rw,user_id=0',
  '64 22 0:41 / /tmp/v rw - virtiofs tag rw',
  '65 22 0:42 / /tmp/b rw - btrfs /dev/loop0 rw',
  '',
].join('\n');

describe('the name of a filesystem, and whether its EIO may be a server that is away', () => {
  it.each([
    [0xef53, '254:1', 'ext4', false],
    [0x4d44, '7:0', 'vfat', false],
    [0x2011bab0, '7:1', 'exfat', false],
    [0x9123683e, '0:42', 'btrfs', false],
    [0x9123683e, '0:99', 'btrfs', false],
    [0x6969, '0:36', 'nfs', true],
    [0x6969, '0:77', 'nfs', true],
    [0xfe534d42, '0:50', 'cifs', true],
    [0x65735546, '0:40', 'fuse', true],
    [0x65735546, '0:43', 'fuse', false],
    [0x65735546, '0:44', 'fuse', false],
    // fuseblk has the device of its image.
    [0x65735546, '7:3', 'fuse', false],
    [0x65735546, '0:41', 'virtiofs', false],
    [0x12345678, '7:0', '0x12345678', false],
  ] as const)('%s on %s is %s', (magic, device, name, remote) => {
    expect(nameFilesystem(magic, device, mounts)).toEqual({ name, remote });
  });

  it('9p answers statfs with the number of the server\'s filesystem, and is no ext4', () => {
    expect(nameFilesystem(0xef53, '0:38', mounts)).toEqual({ name: '9p', remote: true });
  });

  it('without a table of mounts the number alone counts', () => {
    expect(nameFilesystem(0x01021994, '0:25', () => '')).toEqual({ name: 'tmpfs', remote: false });
  });
});
