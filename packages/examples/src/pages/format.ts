/**
 * The bytes of a paged store. All numbers are little-endian and unsigned; bytes not named are zero. The data file is an
 * array of slots of 4096 bytes, the repair unit of the filesystems that persistent memory is used with. Slot 0 is the
 * header, every other slot is free, a leaf or an overflow page. A mirror holds the same bytes in the same slots, but
 * for its file id.
 *
 * Header page (slot 0)
 *     offset size field         meaning
 *     0      4    checksum      CRC-32 of bytes 4 … 47
 *     4      4    marker        "head"
 *     8      8    magic         "safe-pgs"
 *     16     4    version       1
 *     20     4    pageBytes     4096
 *     24     8    storeId       random, never 0
 *     32     8    fileId        random, never 0; the checkpoint in force names the ids of the files it is in
 *     40     6    inForce       number of the last checkpoint that was in force when this was written; 0: not known
 *     46     2    attempts      how many numbers after that one were given to checkpoints since; 65535: so many or more
 *
 * Leaf page: the entries whose keys lie in [low, high)
 *     0      4    checksum      CRC-32 of bytes 4 … usedBytes - 1
 *     4      4    marker        "leaf"
 *     8      8    storeId
 *     16     8    generation    number of the checkpoint that wrote the page
 *     24     4    slot          where it lies
 *     28     2    entryCount
 *     30     2    flags         1: keys of the range that have no entry here were lost; 2: the range has no upper end
 *     32     2    lowBytes
 *     34     2    highBytes
 *     36     4    usedBytes     end of the last entry
 *     40     …    low, high, then entries, by key
 *
 * Entry
 *     0      2    keyBytes
 *     2      2    kind          0: value here; 1: value in overflow pages; 2: no value, the key is known to be absent
 *     4      4    valueBytes    bytes after the key
 *     8      …    key, then the value; for kind 1 the following
 *
 * Reference to a value in overflow pages
 *     0      4    slot          of the first page
 *     4      4    length        of the value
 *     8      4    checksum      CRC-32 of the value
 *     12     8    generation    of its pages
 *
 * Overflow page: a piece of one value
 *     0      4    checksum      CRC-32 of bytes 4 … usedBytes - 1
 *     4      4    marker        "over"
 *     8      8    storeId
 *     16     8    generation
 *     24     4    slot          where it lies
 *     28     4    next          slot of the next piece; 0 for the last one
 *     32     4    index         number of the piece, from 0
 *     36     4    usedBytes     end of the piece
 *     40     …    the piece
 *
 * The log holds two kinds of records, told apart by their first four bytes.
 *
 * Batch
 *     0      4    marker        "btch"
 *     4      4    operations    how many follow; each is
 *                   0  2  kind        1 put, 2 delete, 3 clear from a key to the end, 4 clear from one key up to another
 *                   2  2  keyBytes
 *                   4  4  valueBytes  for 4: of the range's end
 *                   8  …  key (3, 4: the range's beginning), then the value (4: the first key after the range, perhaps
 *                         the empty one)
 *     Kind 3 with a value clears up to that key: earlier versions wrote ranges with an end so.
 *
 * Checkpoint
 *     0      4    marker        "ckpg"
 *     4      4    slotCount     of each data file
 *     8      8    storeId
 *     16     8    generation
 *     24     8    covers        sequence of the last batch that the pages contain
 *     32     8    fileId        of the data file
 *     40     8    mirrorId      of its mirror; 0 if there is none
 *     48     4    leafCount
 *     52     4    ageBytes      1 … 6
 *     56     …    one bit a slot, least significant first: 1 if the slot is a leaf of the store
 *            …    the age of each leaf, in the order of their slots, ageBytes each: how many checkpoints before this one
 *                 its page was written in. A page of another age is not the one that was stored there.
 *
 * Checkpoint as earlier versions wrote it: marker "ckpt", the bits at 48, nothing about ages.
 */

export const PAGE_BYTES = 4096;
export const FORMAT_VERSION = 1;
export const MAGIC = 0x7367702d65666173n;

export const HEADER_MARKER = 0x64616568;
export const LEAF_MARKER = 0x6661656c;
export const OVERFLOW_MARKER = 0x7265766f;
export const BATCH_MARKER = 0x68637462;
export const CHECKPOINT_MARKER = 0x67706b63;
/** Of checkpoints without the ages of their leaves. */
export const AGELESS_CHECKPOINT_MARKER = 0x74706b63;

export const PAGE_HEADER_BYTES = 40;
export const ENTRY_HEADER_BYTES = 8;
export const REFERENCE_BYTES = 20;
export const CHECKPOINT_HEADER_BYTES = 56;
export const AGELESS_CHECKPOINT_HEADER_BYTES = 48;

/** The longest key. Two ends of a range and one entry with a key of this length must fit into a page. */
export const KEY_BYTES_MAX = 1000;

/** A key and a value that together are longer than this put the value into overflow pages. */
export const ENTRY_BYTES_MAX = 1900;

/** The most of one value that an overflow page holds. */
export const PIECE_BYTES_MAX = PAGE_BYTES - PAGE_HEADER_BYTES;

/** The file is made longer by at least so many slots at a time. */
export const LEAST_GROWTH_SLOTS = 64;

/** The highest number of a checkpoint: it has 6 bytes in a header page, and so have the numbers that follow a crash. */
export const GENERATION_MAX = 2 ** 48 - 2 ** 17;
