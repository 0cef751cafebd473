// Hand-listed mutants of the code that decides about data: each is one plausible mistake, `find` replaced by `replace`
// (exactly one occurrence). A mutant that the tests do not kill is a hole in the tests, or is explained in
// docs/internals/testing.md.
const core = (file) => `packages/core/src/${file}`;

const list = [
  // Classification
  [core('classify.ts'), 'fault.signalCode === BUS_MCEERR_AR ||', '', 'code 4 is probed again'],
  [core('classify.ts'), 'pageStart >= fileSizeBytes', 'pageStart > fileSizeBytes', 'truncation at a page boundary'],
  [core('classify.ts'), "if (probe.readErrno !== 0) return { kind: 'media', fileSizeBytes };", '', 'EIO of the probe is ignored'],
  [core('classify.ts'), "(probe.hole || operation === 'write') && ", '', 'a load of allocated bytes on a full disk'],
  [core('classify.ts'), 'probe.freeBytes < blockBytes', 'probe.freeBytes <= blockBytes', 'one block is left'],
  [core('classify.ts'), '|| errno === Errno.EFAULT', '', 'EFAULT is not a media error'],
  // Going around
  [core('copy-around.ts'), 'if (rangeEnd(gap) < rangeEnd(piece)) pending.push', 'if (false) pending.push', 'what lies behind a bad page is not copied'],
  [core('copy-around.ts'), 'if (piece.offset < gap.offset) pending.push', 'if (false) pending.push', 'what lies before a bad page is not copied'],
  [core('copy-around.ts'), '2 ** fault.granuleLog2 <= pageBytes && ', '', 'a huge page is taken for the page'],
  [core('copy-around.ts'), 'Math.min(page.offset, fileSizeBytes ?? page.offset)', 'page.offset', 'the rest of the last page of a truncated file'],
  [core('guarded-io.ts'), 'const known = this.#knownBad(range);\n    const gaps = this.#around(\'read\'', 'const known: ByteRange[] = [];\n    const gaps = this.#around(\'read\'', 'known bad pages are read again'],
  [core('guarded-io.ts'), 'if (lost.length === 0) return;', 'return;', 'tombstones are readable'],
  [core('guarded-io.ts'), 'if (this.#hazards.isBusy(range)) {', 'if (false) {', 'stores during a repair'],
  [core('guarded-io.ts'), "if (source !== 'known') {", 'if (false) {', 'met errors are forgotten'],
  [core('guarded-io.ts'), '[...gaps, ...known])) this.#hazards.noteWritten', '[...gaps])) this.#hazards.noteWritten', 'unstored bytes end tombstones'],
  // Known bad
  [core('hazards.ts'), 'for (const range of subtract(this.#listed.within(within), ranges)) this.#met.remove(range);', '', 'repairs by others go unnoticed'],
  [core('hazards.ts'), 'this.#tombstones.remove(tombstone);\n      this.#overwritten.add(tombstone);', 'this.#tombstones.remove(tombstone);', 'journal keeps tombstones for ever, or drops them early'],
  [core('bad-blocks.ts'), 'if (unmapped !== undefined && list.ranges.length > 0) {', 'if (false) {', 'none instead of cannot tell'],
  [core('bad-blocks.ts'), 'alignOut(range, blockBytes)', 'range', 'only the sector is reported'],
  [core('bad-blocks.ts'), "if (!answer.supported) return { status: 'unsupported', reason: answer.reason };", "if (!answer.supported) return { status: 'none' };", 'unsupported reads as healthy'],
  // Ladder
  [core('repair/strategy.ts'), "zeroRangeBehaviour(facts) === 'in-place' && clearAbility(facts) === 'yes'", "zeroRangeBehaviour(facts) === 'in-place'", 'zero-range on a device that cannot clear'],
  [core('repair/strategy.ts'), "zeroRangeBehaviour(facts) === 'in-place' && clearAbility", "clearAbility", 'zero-range first on xfs'],
  [core('repair/strategy.ts'), 'const curedByRelocation = shared && refusal === Errno.EIO;', 'const curedByRelocation = refusal === Errno.EIO;', 'relocation gives poison away'],
  [core('repair/strategy.ts'), '&& request.allowRelocation', '', 'relocation without leave'],
  [core('file-info.ts'), 'minor >= 19', 'minor >= 10', 'recovery write on old kernels'],
  // Writing and verifying
  [core('repair/write-units.ts'), "file.read(found, work.data.offset) !== undefined", 'false', 'a fault in verification'],
  [core('repair/write-units.ts'), 'Buffer.compare(found, work.content) === 0', 'true', 'other bytes in verification'],
  [core('repair/write-units.ts'), 'const unmapped = file.remap(work.unit.offset, work.unit.length);', 'const unmapped = undefined as { errno: number } | undefined;', 'verification through a stale page'],
  [core('repair/write-units.ts'), 'done += transferredBytes;', 'done = bytes.byteLength;', 'short writes count as whole'],
  [core('repair/write-units.ts'), 'if (rangeEnd(units) <= fileSizeBytes) return undefined;', 'return undefined;', 'the last page makes the file longer'],
  [core('repair/write-units.ts'), 'for (const work of run) work.altered = true;', '', 'zeros of a refused repair are readable'],
  [core('repair/write-units.ts'), 'const unsynced = written.length === 0 ? undefined : await file.sync();', 'const unsynced = undefined as { syscall: string; errno: number } | undefined;', 'nothing is synced'],
  [core('repair/write-units.ts'), 'for (const work of run) if (work.unit.offset < position + done) work.altered = true;', '', 'a written unit that was not verified loses its intent'],
  [core('repair/repair.ts'), 'hazards.addUnfinished(intentOf(work, fileSizeBytes));\n      hazards.addTombstones(work.tombstoned);', 'hazards.addUnfinished(intentOf(work, fileSizeBytes));', 'tombstones of a failed repair'],
  [core('pmem-file.ts'), "&& facts.dax && clearAbility(facts) !== 'yes') {", "&& false) {", 'poison is cut off for somebody else'],
  // Content
  [core('repair/prepare-units.ts'), 'for (const range of subtract([data], met)) {', 'for (const range of [data]) {', 'bad pages are touched again'],
  [core('repair/prepare-units.ts'), 'if (bytes.byteLength !== range.length) {', 'if (false) {', 'rebuild of a wrong length'],
  [core('repair/prepare-units.ts'), 'tombstoned: supplied ? [] : lost,', 'tombstoned: [],', 'zeros pass for data'],
  [core('repair/prepare-units.ts'), "if (gap.reason === 'media') lost.push(gap);", 'lost.push(gap);', 'holes count as lost'],
  [core('repair/prepare-units.ts'), 'pieces.push({ range, bytes: Uint8Array.from(bytes) });', 'pieces.push({ range, bytes });', 'the caller reuses its buffer'],
  [core('repair/prepare-units.ts'), 'if (unfinished?.length === data.length) {', 'if (false) {', 'the content of an unfinished repair is dropped'],
  // Order of a repair
  [core('repair/repair.ts'), 'const unwritable = await storeJournal(file, [...others, ...intents], tombstones);', 'const unwritable = undefined as { errno: number; syscall: string } | undefined;', 'no intent'],
  [core('repair/repair.ts'), 'const tombstones = [...kept, ...works.flatMap((work) => work.tombstoned)];', 'const tombstones = [...kept];', 'no tombstones beside the intents'],
  [core('repair/repair.ts'), 'hazards.markRepaired(work.data);\n      hazards.addTombstones(work.tombstoned);', 'hazards.markRepaired(work.data);', 'tombstones only in the journal'],
  [core('repair/repair.ts'), 'for (const intent of intents) hazards.addUnfinished(intent);', '', 'stale intents'],
  [core('repair/repair.ts'), 'hazards.addUnfinished(intentOf(work, fileSizeBytes));\n', '\n', 'an altered unit stays open'],
  [core('repair/repair.ts'), 'for (const range of busy) hazards.releaseBusy(range);', '', 'units stay locked'],
  [core('repair/repair.ts'), 'unlockJournal(file);\n  }\n}', '}\n}', 'the repair lock is kept'],
  [core('repair/repair.ts'), 'adoptJournal(hazards, await loadJournal(file));', '', 'losses recorded by another process'],
  [core('repair/repair.ts'), '.filter((block) => !block.shared && ', '.filter((block) => ', 'shared blocks count as given back'],
  [core('repair/journal.ts'), 'hazards.replaceUnfinished(content?.intents ?? []);', 'for (const intent of content?.intents ?? []) hazards.addUnfinished(intent);', 'stale intents of a repair that another process finished'],
  [core('guarded-io.ts'), 'reconsiderUnfinished(this.#file, this.#hazards);', '', 'units stay closed after another process repaired them'],
  // Recovery
  [core('repair/recover.ts'), 'hazards.addTombstones(journal.tombstones);', '', 'tombstones do not survive a restart'],
  [core('repair/recover.ts'), 'if (failure !== undefined) throw journalError(file, failure);', '', 'open with a stale intent on disk'],
  [core('repair/recover.ts'), 'const aligned = intent.offset % unitBytes === 0 && intent.length <= unitBytes;', 'const aligned = true;', 'hostile intents'],
  [core('repair/recover.ts'), 'if (aligned && wholeOrTail && rangeEnd(intent) <= fileSizeBytes) return;', 'return;', 'hostile intents, unchecked'],
  [core('repair/recover.ts'), 'if (isTail && hasGrown) return intent.fileSizeBytes;', '', 'the size after a crash in the last page'],
  [core('repair/recover.ts'), 'sizeBytes <= intent.offset + unitBytes', 'sizeBytes === intent.offset + unitBytes', 'a last page that was written in part'],
  [core('repair/recover.ts'), 'if (file.facts.readOnly || lockJournal', 'if (lockJournal', 'recovery writes to a read-only file'],
  [core('repair/recover.ts'), 'if (work.strategy === undefined) hazards.addUnfinished', 'if (false) hazards.addUnfinished', 'an unfinished unit is open after recovery'],
  // Journal
  [core('repair/journal.ts'), 'decoding.content.inode !== inode || ', '', 'a journal of another inode'],
  [core('repair/journal.ts'), ' || decoding.content.birthTimeNs !== birthTimeNs', '', 'a journal of a file with the same inode number'],
  [core('repair/journal-format.ts'), "if (!digest.equals(bytes.subarray(end))) return damaged('its checksum does not match');", '', 'no checksum'],
  [core('repair/journal-format.ts'), ' && padded(contentBytes) <= end - at', '', 'content outside the journal'],
  [core('repair/journal-format.ts'), 'contentBytes === length && ', '', 'content of another length'],
  [core('repair/journal-format.ts'), "if (at !== end) return damaged('bytes follow its last record');", '', 'bytes after the last record'],
  [core('repair/persisted-tombstones.ts'), 'for (const piece of dropped) hazards.dropOverwritten(piece);', '', 'persisted bytes stay tombstones'],
  [core('repair/persisted-tombstones.ts'), 'hazards.restoreOverwritten(dropped);', '', 'a failed drop is forgotten'],
  // PmemFile
  [core('memory-access.ts'), 'dropPersistedTombstones(file, hazards, asked);\n    io.requireNothingBad(asked);\n  }\n\n  /** persist() off', 'io.requireNothingBad(asked);\n  }\n\n  /** persist() off', 'persist leaves tombstones'],
  [core('memory-access.ts'), 'dropPersistedTombstones(file, hazards, asked);\n    io.requireNothingBad(asked);\n  }\n\n  /**\n   * persist() of many', 'io.requireNothingBad(asked);\n  }\n\n  /**\n   * persist() of many', 'persistAsync leaves tombstones'],
  [core('pmem-file.ts'), 'this.#refuseBadCuts(size, answer, options.allowRelease ?? false);', '', 'resize into poison'],
  [core('pmem-file.ts'), 'for (const range of this.#state.hazards.overwritten) this.persist(range.offset, range.length);', '', 'close forgets stores over tombstones'],
  [core('pmem-file.ts'), 'if (around.includes(this)) {', 'if (false) {', 'a repair inside its own rebuild'],
  [core('pmem-file.ts'), '!unusable || (mode === \'require\' && !file.facts.created)', '!unusable', 'a damaged journal is a shrug'],
  [core('pmem-file.ts'), '!block.unwritten', 'true', 'unwritten blocks cannot be read'],
  [core('salvage.ts'), 'hazards.addMet(met.filter((gap) => gap.reason === \'media\'));', '', 'salvage forgets what it met'],
  [core('scrub.ts'), 'if (transferredBytes < piece.length) pending.push', 'if (false) pending.push', 'what lies behind a short read'],
  [core('range-set.ts'), 'next.offset <= end', 'next.offset < end', 'touching ranges stay apart'],
  [core('byte-range.ts'), 'if (rangeEnd(cut) <= start) continue;', '', 'subtract'],
];

export const coreMutants = list.map(([file, find, replace, what]) => ({ file, find, replace, what }));
