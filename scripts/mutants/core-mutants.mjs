// Hand-listed mutants of the code that decides about data: each is one plausible mistake, `find` replaced by `replace`
// (exactly one occurrence). A mutant that the tests do not kill is a hole in the tests, or is explained in
// docs/internals/testing.md.
const core = (file) => `packages/core/src/${file}`;

const list = [
  // Classification
  [core('faults/classify.ts'), 'last.signalCode === BUS_MCEERR_AR ||', '', 'code 4 is probed again'],
  [core('faults/classify.ts'), 'pageStart >= fileSizeBytes', 'pageStart > fileSizeBytes', 'truncation at a page boundary'],
  [core('faults/classify.ts'), "if (isMediaErrno(readErrno, facts)) return { kind: 'media', fileSizeBytes };", "if (readErrno !== 0) return { kind: 'media', fileSizeBytes };", 'any errno of a pread is a media error'],
  [core('faults/classify.ts'), "if (again === undefined) return undefined;", "if (again === undefined) return { kind: 'io', fileSizeBytes: undefined };", 'a fault that has passed is an error'],
  [core('faults/classify.ts'), "if (operation === 'write' || hole) {", 'if (hole) {', 'a refused store is no lack of space'],
  [core('faults/classify.ts'), "if (operation === 'write' && writeErrno !== 0", "if (operation === 'write' && writeErrno < 0", 'a store that a read-only filesystem refuses is a lack of space'],
  [core('faults/classify.ts'), "return verdict === undefined || verdict.kind === 'truncated';", 'return true;', 'whatever was met is forgotten when it is asked'],
  [core('faults/ask-again.ts'), 'subtract(healthy, journal.intents)', 'healthy', "the zeros of another process's repair are believed"],
  [
    core('faults/ask-again.ts'), 'unsafe.addLost(subtract(journal.lost, known), ',
    'void (', 'what another process has lost is read',
  ],
  [
    core('faults/ask-again.ts'), 'unsafe.addMet(intersectAll(gone, [...journal.intents, ...busy]));',
    'unsafe.addMet([]);', 'what left the list while it is repaired is read',
  ],
  [
    core('rescue/refresh-known.ts'), 'const isOvertaken = unsafe.listReadings !== before;',
    'const isOvertaken = unsafe.listReadings < before;', 'a list that was read before a repair counts after it',
  ],
  [
    core('access/durability.ts'), 'this.#requireAllDurable(asked, subtract(overwritten, inFile), inFile);',
    'this.#requireAllDurable(asked, undefined, inFile);', 'what is stored into a loss while persistAsync() runs counts as durable',
  ],
  [
    core('faults/fault-path.ts'),
    "'fileSizeBytes' in problem && problem.fileSizeBytes >= Math.min(leastEnd, this.#endOfFile())",
    'false', 'persist() calls a resize() of the same file a truncation',
  ],
  [
    core('opening/open-state.ts'), 'return Math.min(this.file.mappedBytes, ...this.#resizes.values());',
    'return this.file.mappedBytes;', 'persist() calls a resize() that still runs a truncation',
  ],
  [
    core('repair/repair-queue.ts'), 'const inFile = isCut ? intersectAll(ranges, [state.wholeFile()]) : ranges;',
    'const inFile = ranges;', 'a repair fails for what a resize() has cut off before it began',
  ],
  [
    core('arguments.ts'), 'names.map((name) => [name, ownOption(options, name)])',
    'names.filter((name) => Object.hasOwn(options, name)).map((name) => [name, options[name]])',
    'options that were left out are taken from a polluted prototype',
  ],
  [
    core('repair/repair-queue.ts'), "coalesce(requireRanges('ranges', list, sizeBytes))",
    "(requireRanges('ranges', list, sizeBytes), coalesce(list))", 'a repair reads its range once more after the check',
  ],
  [
    core('repair/repair-queue.ts'), 'const resized = this.#last.then(run);',
    'const resized = run();', 'two resizes of one file run at once',
  ],
  [
    core('repair/journal/stored-journal.ts'), 'if (this.#id !== id) return undefined;',
    '', 'a journal that was dropped while it was written is marked once more',
  ],
  [
    core('repair/journal/interruption.ts'), 'writtenBy === 0 || now === 0 ?',
    'writtenBy >= 0 ?', 'a clock that was set back makes an older journal one of this boot',
  ],
  [
    core('pmem-file.ts'), 'if (this.#closed !== undefined) return this.#closed.catch(() => undefined);',
    'if (this.#closed !== undefined) return undefined;', 'a second close() does not wait',
  ],
  [
    core('faults/ask-again.ts'), 'intersectAll(stored, settledBlank(journal))',
    'stored', 'what a repair elsewhere is writing is taken for a store',
  ],
  [core('faults/ask-again.ts'), 'if (stored.length === 0) return lost;', 'if (stored.length >= 0) return lost;', 'stores into a loss stay hidden'],
  [core('repair/salvage-unit.ts'), 'subtract(stored, unsafe.shownWithin(data)).length > 0', 'stored.length < 0', 'stores into a loss are written over by rebuild'],
  [core('repair/salvage-unit.ts'), 'const lostBefore = subtract(lostEarlier, stored);', 'const lostBefore = lostEarlier;', 'stores into a loss end when the page is written once more'],
  [
    core('repair/prepare-batch.ts'), 'if (!(await isAsSalvaged(file, unsafe, batch.units))) return true;',
    '', 'stores into a loss are written over if they come while rebuild waits',
  ],
  [
    core('repair/as-salvaged.ts'), 'Buffer.compare(bytes, piece.held) === 0',
    'true', 'stores beside a loss are written over if they come while rebuild waits',
  ],
  [
    core('repair/recover.ts'), '{ ...located.journal, blank: [] }',
    'located.journal', 'stores into a loss are believed in a copy',
  ],
  [
    core('repair/recover.ts'), ', ...suppliedIn(lostEarlier, intended(finished))]);',
    ']);', 'what a killed repair supplied for an earlier loss stays lost',
  ],
  [
    core('repair/batch.ts'), 'unknown), ...unread]',
    'unknown)]', 'stores into a loss whose repair was killed are written over',
  ],
  [
    core('faults/fault-path.ts'), 'stillLost(this.#file, this.#unsafe, range, target)',
    'this.#unsafe.lostWithin(range)', 'stores into a loss cannot be read',
  ],
  [core('faults/classify.ts'), '|| errno === Errno.EFAULT', '', 'EFAULT is not a media error'],
  // Going around
  [core('faults/copy-around.ts'), 'if (rangeEnd(done) < rangeEnd(piece)) pending.push', 'if (false) pending.push', 'what lies behind a bad page is not copied'],
  [core('faults/copy-around.ts'), 'if (piece.offset < done.offset) pending.push', 'if (false) pending.push', 'what lies before a bad page is not copied'],
  [core('faults/copy-around.ts'), '2 ** fault.granuleLog2 <= pageBytes && ', '', 'a huge page is taken for the page'],
  [core('faults/copy-around.ts'), 'if (bad.length > 0) return subtract([piece], bad).reverse();', '', 'the poison that pread names is consumed again'],
  [core('faults/copy-around.ts'), 'Math.min(page.offset, fileSizeBytes)', 'page.offset', 'the rest of the last page of a truncated file'],
  [core('faults/fault-path.ts'), 'const known = this.#knownBad(range);\n    const gaps = this.#around(\'read\'', 'const known: ByteRange[] = [];\n    const gaps = this.#around(\'read\'', 'known bad pages are read again'],
  [core('faults/fault-path.ts'), 'if (lost.length === 0) return;', 'return;', 'lost bytes are readable'],
  [core('faults/fault-path.ts'), 'if (this.#unsafe.isBusy(range)) {', 'if (false) {', 'stores during a repair'],
  [
    core('faults/fault-path.ts'), 'noteFailedFlush(this.#file, this.#unsafe, problem);', ';',
    'a failed msync is forgotten',
  ],
  [
    core('faults/failed-flush.ts'), '{ offset: 0, length: file.mappedBytes }',
    '{ offset: 0, length: file.facts.pageBytes }', 'a failed flush puts one page in doubt',
  ],
  [
    core('repair/journal/overwritten.ts'),
    'subtract(unsafe.overwrittenWithin(range), unsafe.unpersistedWithin(range))', 'unsafe.overwrittenWithin(range)',
    'a loss ends though a failed flush may have dropped what was written over it',
  ],
  [
    core('access/durability.ts'), 'await file.persistAsync(mapped.offset, mapped.length), end.bytes)',
    'await file.persistAsync(mapped.offset, mapped.length))', 'bytes that a resize cut off and added were truncated',
  ],
  [
    core('access/durability.ts'),
    'const dropped = unsafe.unpersistedWithin(asked);', 'const dropped: ByteRange[] = [];',
    'bytes in doubt that are written again while they are persisted count as durable',
  ],
  [
    core('access/durability.ts'), 'subtract(overwritten, inFile), inFile);', 'overwritten, inFile);',
    'a loss ends with a flush that was not told of what it dropped',
  ],
  [
    core('access/durability.ts'),
    'const inFile = intersectAll(dropped, [{ offset: 0, length: file.mappedBytes }]);', 'const inFile = dropped;',
    'persistAsync() fails for bytes in doubt that a resize() has cut off',
  ],
  [
    core('access/durability.ts'), 'if (ranges.length === 0) break;', 'if (ranges.length === 0 || rest[0] !== asked) break;',
    'a bad page that can be read again while persistAsync() runs is not flushed',
  ],
  [core('repair/write-units.ts'), 'noteFailedFlush(file, unsafe, unsynced);', '', 'a failed fdatasync is forgotten'],
  [core('faults/failed-flush.ts'), '  noteFailedFlush(file, unsafe, failure);', '', 'a failed fdatasync beside a repair is forgotten'],
  [
    core('repair/journal/write-mark.ts'), "if (failure?.syscall === 'fsync') noteFailedFlush",
    'if (false) noteFailedFlush', 'a failed fsync of the mark is forgotten',
  ],
  [core('faults/fault-path.ts'), 'forgetHealthy(this.#file, this.#unsafe, range);', '', 'a page that met an error once stays bad'],
  [core('faults/ask-again.ts'), ', ...unsafe.listedWithin(within)],', '],', 'a page that was listed once stays bad'],
  [core('faults/unsafe-ranges.ts'), 'this.#unpersisted.remove(range);', '', 'bytes that were written again cannot be persisted'],
  [
    core('faults/fault-path.ts'), "if (source === 'sigbus' || source === 'errno') {", 'if (false) {',
    'met errors are forgotten',
  ],
  [
    core('faults/fault-path.ts'), 'this.#unsafe.unfinished).length === 0 ?', 'this.#unsafe.unfinished).length < 0 ?',
    'bytes whose repair has not ended are said to be unreadable',
  ],
  [core('faults/fault-path.ts'), '[...gaps, ...known])) this.#unsafe.noteWritten', '[...gaps])) this.#unsafe.noteWritten', 'bytes that were not stored end a loss'],
  // Salvage, mirrors, events
  [core('rescue/salvage.ts'), 'held.reason !== part.reason || ', '', 'gaps of two reasons are one'],
  [core('rescue/salvage.ts'), '    signal?.throwIfAborted();\n', '', 'a salvage does not stop for its signal'],
  [core('rescue/salvage.ts'), '  if (held !== undefined) yield held;\n}', '}', 'the last gap is not named'],
  [core('rescue/salvage-copy.ts'), 'await setLost(journal, [{ offset: 0, length: range.length }]);', '', 'a copy that is cut off reads as zeros'],
  [
    core('rescue/salvage-copy.ts'), 'if (gaps.length === gapsMax) throw tooManyGaps(file, part, range);',
    '', 'a copy with more gaps than its journal can name reads on',
  ],
  [core('rescue/salvage-copy.ts'), 'if (!file.facts.created)', 'if (false)', 'a copy replaces a file'],
  [core('rescue/salvage-copy.ts'), 'const failure = await file.sync();', 'const failure = await Promise.resolve(undefined);', 'a copy is not durable'],
  [core('rescue/salvage-copy.ts'), 'offset: offset - range.offset, length', 'offset, length', 'gaps of a part are elsewhere in its copy'],
  [core('repair/mirror.ts'), "|| error.code === 'ERR_PMEM_LOST'", '', 'a mirror that has lost the bytes fails the repair'],
  [core('repair/mirror.ts'), "if (rangeEnd(range) > mirror.size - offset) return undefined;", '', 'a mirror that is too short fails the repair'],
  [core('repair/recover.ts'), 'ranges: intersectAll(content.lost, coalesce(pending))', 'ranges: content.lost', 'a loss is told at each open'],
  [core('errors/events.ts'), "if (error.code !== 'ERR_PMEM_CLOSED' && ", 'if (', 'a closed file is a failed persist'],
  [core('faults/fault-path.ts'), "throw operation === 'persist' ? publishPersistFailure(path, error) : error;", 'throw error;', 'a persist that faults is not told'],
  // What core does for a driver that leaves it out
  [core('driver/complete-file.ts'), "lock: () => refusal(Errno.ENOLCK, 'fcntl'),\n    unlock", 'lock: () => undefined,\n    unlock', 'a driver without locks grants them'],
  [core('driver/complete-file.ts'), 'if (file[name as keyof Accelerators] !== undefined) continue;', '', "core's own way replaces the driver's"],
  [core('driver/complete-file.ts'), "{ supported: false, reason: 'the driver does not read lists of bad blocks' }", '{ supported: true, ranges: [] }', 'a driver without a list says that nothing is bad'],
  [core('driver/complete-file.ts'), 'if (errno !== 0 && readBytes === 0) return { transferredBytes: 0, errno };', '', 'a scrub that fails at its first byte has no errno'],
  [core('driver/complete-file.ts'), 'if (failure !== undefined) outcomes.push', 'if (false) outcomes.push', 'a piece is written though its reset failed'],
  [core('driver/complete-file.ts'), 'if (problem !== undefined) return problem;', '', 'a batch that is not durable is called so'],
  [core('driver/complete-file.ts'), 'at += length;', '', 'each piece is read over the one before'],
  // Claims
  [core('opening/writer-lock.ts'), 'if (this.#holder !== undefined ||', 'if (', 'only the kernel knows claims'],
  [core('opening/writer-lock.ts'), 'if (this.#holder !== claim) return;', '', 'a released claim releases the next one'],
  [core('opening/writer-lock.ts'), 'this.#file.unlock(CLAIM_POSITION, 1);', '', 'a released claim holds on to its lock'],
  // Views
  [core('access/view.ts'), 'if (alignOut(range, pageBytes).length <= constants.MAX_LENGTH) return;', 'return;', 'a view longer than an array'],
  [core('access/view.ts'), 'if (failure.errno !== Errno.ENOMEM) return', 'return', 'too many views read as a failed call'],
  [core('pmem-file.ts'), 'setBrand(PmemFile.prototype, PMEM_FILE);', '', 'files of another copy are none'],
  [core('errors/errors.ts'), "Object.defineProperty(prototype, 'name'", "void (prototype, 'name'", 'no name'],
  [core('access/view.ts'), 'this.#file.forgetView();', '', 'released views are kept by their file'],
  // Known bad
  [core('faults/unsafe-ranges.ts'), 'this.#met.removeAll(subtract(this.#listed.within(within), ranges));', '', 'repairs by others go unnoticed'],
  [core('faults/unsafe-ranges.ts'), 'this.#lost.remove(lost);\n      this.#overwritten.add(lost);', 'this.#lost.remove(lost);', 'the journal keeps losses for ever, or drops them early'],
  [core('rescue/bad-blocks.ts'), 'if (unmapped !== undefined && list.ranges.length > 0) {', 'if (false) {', 'none instead of cannot tell'],
  [core('rescue/bad-blocks.ts'), 'wholeUnits(listed, blockBytes)', 'coalesce(listed)', 'only the sector is reported'],
  [core('rescue/bad-blocks.ts'), "if (!answer.supported) return { status: 'unsupported', reason: answer.reason };", "if (!answer.supported) return { status: 'none' };", 'unsupported reads as healthy'],
  // Ladder
  [core('repair/strategy.ts'), "zeroRange === 'in-place' && clearAbility(facts) === 'yes'", "zeroRange === 'in-place'", 'zero-range on a device that cannot clear'],
  [core('repair/strategy.ts'), "zeroRange === 'in-place' && clearAbility", "clearAbility", 'zero-range first on xfs'],
  [core('repair/strategy.ts'), 'const curedByRelocation = shared && refusal === Errno.EIO;', 'const curedByRelocation = refusal === Errno.EIO;', 'relocation gives poison away'],
  [core('repair/strategy.ts'), 'Errno.EIO && allowRelocation;', 'Errno.EIO;', 'XFS moves a page without leave'],
  [core('repair/strategy.ts'), ' || isSetAside ?', ' ?', 'what XFS keeps room for never moves'],
  [core('repair/strategy.ts'), 'const nothingBetter = !hasWrite && allowRelocation;', 'const nothingBetter = !hasWrite;', 'relocation without leave'],
  [core('opening/file-info.ts'), "if (bus.provider === CXL_BUS) return 'no';", '', 'CXL may clear'],
  [core('opening/file-info.ts'), "if (bus.provider.startsWith('ACPI')) return 'yes';", "return 'yes';", 'every bus lists consumed errors'],
  [core('errors/system-error.ts'), 'insteadOf[failure.device]', "''", 'open() of a device does not say what to open'],
  [core('opening/file-info.ts'), '.slice(2), 10) >= 19', '.slice(2), 10) >= 10', 'recovery write on old kernels'],
  // Writing and verifying
  [core('repair/verify-units.ts'), 'file.read(mapped, data.offset) !== undefined)', 'file.read(mapped, data.offset) !== undefined && data.length === 0)', 'a fault in verification'],
  [core('repair/verify-units.ts'), 'bytes, mappedBytes);\n  return Buffer.compare(bytes, content) === 0', 'bytes, mappedBytes);\n  return true', 'other bytes in verification'],
  [core('repair/verify-units.ts'), 'return { step: \'verify\', errno };\n  return Buffer.compare(bytes, content) === 0', 'return { step: \'verify\', errno };\n  return true', 'other bytes in verification, past the mapping'],
  [core('repair/verify-units.ts'), 'if (gapBytes > 0 && !unsafe.isEmptyAt(from, gapBytes)) break;', '', 'what lies between repaired pages is mapped once more, bad or not'],
  [core('repair/verify-units.ts'), 'if (gapBytes > GAP_PAGES_MAX * file.facts.pageBytes) break;', '', 'pages far from each other lose their mapping'],
  [core('repair/verify-units.ts'), 'const unmapped = remapUnits(', 'const unmapped = first.unit.offset >= 0 ? undefined : remapUnits(', 'verification through a stale page'],
  [core('repair/verify-units.ts'), 'rangeBetween(first.unit.offset, rangeEnd(last.unit))', 'first.unit', 'only the first of a group is mapped anew'],
  [core('rescue/write-on.ts'), 'done = Math.max(done, start + transferredBytes);', 'done = bytes.byteLength;', 'short writes count as whole'],
  [core('repair/write-units.ts'), 'outcome.transferredBytes === piece.length && ', 'outcome.errno === 0 && ', 'short rewrites count as whole'],
  [core('repair/rewrite-request.ts'), 'pieceOf(run, total);', 'pieceOf(run, 0);', 'a run is written with the bytes of another'],
  [core('repair/rewrite-request.ts'), 'pieceOf(run, firstOf(run).content.byteOffset - start)', 'pieceOf(run, 0)', 'a run is written with the bytes of another, in place'],
  [core('repair/rewrite-request.ts'), 'if (next - firstOf(run).content.byteOffset !== lengthOf(run)) return undefined;', '', 'the last page is written with bytes that nobody gave'],
  [core('repair/rewrite-request.ts'), ' || content.byteOffset !== next) return undefined;', ') return undefined;', 'contents that do not adjoin are taken as they lie'],
  [core('repair/write-units.ts'), ' || position + length <= fileSizeBytes) return failure;', ') return failure;\n  if (position >= 0) return undefined;', 'the last page makes the file longer'],
  [core('repair/write-units.ts'), '  else for (const unit of run) unit.zeroed();\n', '', 'zeros of a refused repair are readable'],
  [core('repair/write-units.ts'), 'Promise.all([file.sync(), ', 'Promise.all([undefined as { syscall: string; errno: number } | undefined, ', 'nothing is synced'],
  [core('repair/write-units.ts'), 'if (unsynced !== undefined) unit.failed({ step: unsynced.syscall, errno: unsynced.errno });\n    else if', 'if', 'what reads well counts as repaired although its flush has failed'],
  [core('repair/write-units.ts'), 'for (const each of run) if (each.unit.offset < end) each.altered();', '', 'a written unit that was not verified loses its intent'],
  [core('repair/batch.ts'), '  unsafe.addLost(lossOf(unit));\n', '', 'losses of a failed repair'],
  [core('resize/cuts.ts'), ': inReleased));', ': []));', 'poison is cut off for somebody else'],
  [
    core('repair/repair-unit.ts'), "if (this.#state === 'untouched') this.#state = 'half-done';",
    '', 'what a write has reached counts as untouched',
  ],
  [core('repair/repair-unit.ts'), "this.#state = 'repaired';", '', 'a unit that was verified is written for ever'],
  // Content
  [core('repair/salvage-unit.ts'), 'if (unsafe.hasMet(page) || ', 'if (', 'bad pages are touched again'],
  [core('repair/rebuild-lost.ts'), 'if (bytes.byteLength !== range.length) {', 'if (false) {', 'rebuild of a wrong length'],
  [core('repair/prepare-units.ts'), 'tombstoned: rebuild === undefined && fill === undefined ? lost : left,', 'tombstoned: left,', 'zeros pass for data'],
  [core('repair/unit-contents.ts'), 'if (isWhollyLost && this.#fill !== undefined) return this.#lost(unit, this.#fill);', 'if (isWhollyLost) return this.#lost(unit, this.#fill ?? 0);', 'units that are rebuilt share one content'],
  [core('repair/unit-contents.ts'), 'if (!isWhollyLost) content.set(found);', '', 'what was salvaged is dropped'],
  [core('repair/unit-contents.ts'), 'for (const range of lost) content.fill(', 'for (const range of lost.slice(1)) content.fill(', 'what is lost of a unit keeps what a failed load left'],
  [core('repair/unit-contents.ts'), 'if (kept?.length === length) return kept;', 'if (kept !== undefined) return kept;', 'a short last unit gets the content of a whole one'],
  [core('repair/rebuild-lost.ts'), 'bytes.subarray(lost.offset - range.offset, rangeEnd(lost) - range.offset)', 'bytes.subarray(0, lost.length)', 'a piece that covers two units fills both with its beginning'],
  [core('repair/salvage-unit.ts'), 'found.set(unfinished.content.subarray(0, data.length), 0);', '', 'the content of an unfinished repair is dropped'],
  // Order of a repair
  [core('repair/batch.ts'), 'const failure = await journal.update(added);', 'const failure = undefined as SystemFailure | undefined;', 'no intent'],
  [core('repair/batch.ts'), 'intents: [...without(content.intents, intents), ...intents],', 'intents,', 'an unfinished unit loses its intent when another repair begins'],
  [core('repair/batch.ts'), '...without(content.intents, places), ', '', 'an unfinished unit loses its intent when another repair ends'],
  [core('repair/batch.ts'), '[...subtract(content.lost, ended), ...lost', '[...lost', 'a loss is dropped when another repair ends'],
  [core('repair/batch.ts'), 'subtract(content.lost, settled), ...tombstoned]', 'subtract(content.lost, settled)]', 'no losses beside the intents'],
  [
    core('repair/batch.ts'), 'unsafe.addLost(unit.tombstoned, unit.tombstoned);', ';', 'losses only in the journal',
  ],
  [
    core('repair/batch.ts'), 'stored in between.\n  for (const unit of units) closeUnit(unsafe, unit, unit.intent(fileSizeBytes));',
    'stored in between.', 'stale intents',
  ],
  [
    core('repair/batch.ts'), "if (unit.state === 'half-done') closeUnit(unsafe, unit, intentOf(unit));",
    "if (unit.state === 'half-done') continue;", 'an altered unit stays open',
  ],
  [core('repair/repair.ts'), 'unsafe.releaseBusy(runs);', '', 'units stay locked'],
  [core('repair/repair.ts'), '    journal.release();\n', '', 'the repair lock is kept'],
  [core('repair/journal/journal.ts'), 'this.#unsafe.syncFromJournal(this.#file.facts.readOnly ? withLosses(content) : content);\n', '\n', 'losses recorded by another process'],
  [core('repair/receipt.ts'), '    .filter((block) => !block.shared)\n', '', 'shared blocks count as given back'],
  [core('faults/unsafe-ranges.ts'), 'this.#unfinished.clear();', '', 'stale intents of a repair that another process finished'],
  [core('faults/fault-path.ts'), 'this.#journal.refresh();\n    forgetHealthy', 'forgetHealthy', 'units stay closed after another process repaired them'],
  // Recovery
  [
    core('repair/recover.ts'), 'unsafe.syncFromJournal(located.journal);\n    if (clippedTo(', 'if (clippedTo(',
    'losses do not survive a restart',
  ],
  [core('repair/recover.ts'), 'await updated(journal, () => content);', 'await journal.update(() => content);', 'open with a stale intent on disk'],
  [core('repair/journal/format.ts'), 'range.offset % unitBytes !== 0 || ', '', 'hostile intents'],
  [core('repair/journal/format.ts'), 'if (!isUnit({ offset, length }, fileSizeBytes, unitBytes) || shorter > 1) {', 'if (shorter > 1) {', 'hostile intents, unchecked'],
  [core('repair/recover.ts'), 'const tail = await grownTail(file, intents, mayBeTorn);', 'const tail = undefined as Intent | undefined;', 'the size after a crash in the last page'],
  [core('repair/grown-tail.ts'), 'sizeBytes > intent.offset + unitBytes) continue;', 'sizeBytes !== intent.offset + unitBytes) continue;', 'a last page that was written in part'],
  [core('repair/recover.ts'), 'if (!file.facts.readOnly && (await acquired(journal))) {', 'if (await acquired(journal)) {', 'recovery writes to a read-only file'],
  [
    core('repair/recover.ts'), 'const left: Intent[] = units.filter(isNotThere)', 'const left: Intent[] = units.slice(0, 0)',
    'an unfinished unit is open after recovery',
  ],
  // Journal
  [core('repair/journal/whose-journal.ts'), 'return isSameInode && ', 'return ', 'a journal of another inode'],
  [
    core('repair/journal/search-by-mark.ts'), 'isOf(facts, journal) || isOfUnknownBirth(facts, journal);',
    'isOf(facts, journal);', 'a sandbox without birth times takes a journal for that of a copy',
  ],
  [core('repair/journal/whose-journal.ts'), ' && identity.birthTimeNs === facts.birthTimeNs', '', 'a journal of a file with the same inode number'],
  // Short accesses
  [core('opening/open-state.ts'), ' || this.#resizes.size > 0', '', 'the window is opened in the middle of a resize'],
  [core('opening/open-state.ts'), '!this.unsafe.isEmpty || ', '', 'the window is opened beside an unsafe range'],
  [core('opening/open-state.ts'), 'new UnsafeRanges(() => { this.window.shut(); })', 'new UnsafeRanges()', 'the window stays open when a range becomes unsafe'],
  [core('access/open-window.ts'), 'Math.min(bytes.length, sizeBytes - start)', 'bytes.length', 'the window reaches past the end of the file'],
  [core('access/after-access.ts'), '  window.shut();\n  return file.takeFault();', '  return file.takeFault();', 'the window is used after a fault took its memory'],
  [
    core('access/numbers.ts'), 'if (faults[0] === 0) {',
    'if (faults.length > 0) {', 'a number whose load met a fault is believed',
  ],
  [
    core('access/numbers.ts'), 'if (data.getUint8(at + length - 1) === 0) requireUncut(this.#state, position, length);',
    '', 'a number behind a cut is zeros',
  ],
  [
    core('access/numbers.ts'), 'if (value > 0xff_ffff && this.#window.faults[0] === 0) return value;',
    'if (value > 0xff_ffff) return value;', 'a number is believed before the faults are looked at',
  ],
  [
    core('access/numbers.ts'), 'if (value > 0xff_ffff && ',
    'if (value !== 0 && ', 'a number whose end a cut took is one, by its first bytes',
  ],
  [
    core('access/numbers.ts'), 'if ((value & 0xff00) !== 0 && ',
    'if (value !== 0 && ', 'a signed number whose end a cut took is one',
  ],
  [
    core('access/load-words.ts'), 'for (let i = 0; i < last; i += 8)',
    'for (let i = 0; i < last - 8; i += 8)', 'a word in the middle of a read is left out',
  ],
  [
    core('access/load-words.ts'), 'const last = length - 8;',
    'const last = Math.ceil(length / 8) * 8 - 8;', 'a read touches bytes after its own',
  ],
  [
    core('access/loads-stores.ts'), '    if (faults[0] !== 0) return false;\n',
    '', 'a few bytes are believed although a load met a fault',
  ],
  [
    core('access/loads-stores.ts'), 'if (loaded[length - 1] === 0) requireUncut(this.#state, position, length);',
    '', 'a few bytes after a cut are zeros',
  ],
  [
    core('access/loads-stores.ts'), 'Uint8Array.prototype.set.call(target, loaded);',
    'target.set(loaded);', 'a read calls a method of its target',
  ],
  [core('repair/journal/format.ts'), "if (!digest.equals(bytes.subarray(end))) return damaged('its checksum does not match');", '', 'no checksum'],
  [core('repair/journal/format.ts'), ' && padded(length) <= end - at', '', 'content outside the journal'],
  [core('repair/journal/format.ts'), 'detail <= 255 && length <= uniformLimit', 'detail <= 255', 'a length field allocates what it says'],
  [core('repair/journal/format.ts'), 'uniformLimit -= length;', '', 'many length fields allocate what they say'],
  [core('repair/journal/format.ts'), 'content.subarray(1), content.subarray(0, byteLength - 1)', 'content.subarray(2), content.subarray(1, byteLength - 1)', 'a first byte of its own is lost'],
  [core('repair/journal/format.ts'), 'detail === length && ', '', 'content of another length'],
  [core('repair/journal/format.ts'), "if (at !== end) return damaged('bytes follow its last record');", '', 'bytes after the last record'],
  [core('repair/journal/overwritten.ts'), 'lost: subtract(now.lost, dropped)', 'lost: now.lost', 'persisted bytes stay lost'],
  [core('repair/journal/overwritten.ts'), 'for (const piece of dropped) unsafe.dropOverwritten(piece);', '', 'what is persisted is asked for in the journal for ever'],
  [core('repair/journal/overwritten.ts'), 'if (failure !== undefined) throw journalError(journal, failure);', '', 'a failed drop is forgotten'],
  // PmemFile
  [core('access/durability.ts'), '    dropPersistedLosses(journal, unsafe, overwritten);\n', '', 'persist leaves losses'],
  [
    core('access/durability.ts'), 'this.#requireAllDurable(asked, subtract(overwritten, inFile), inFile);\n  }\n\n  /** See PmemFile.persistRanges',
    'this.#state.faultPath.requireAllDurable(asked, inFile);\n  }\n\n  /** See PmemFile.persistRanges', 'persistAsync leaves losses',
  ],
  [
    core('resize/resize.ts'), 'await refusedCuts(file, { sizeBytes, newSizeBytes, bad, allowRelease });',
    '{ known: [], found: [] };', 'resize into poison',
  ],
  [core('pmem-file.ts'), 'if (overwritten.length > 0) persistTogether(this.#state, overwritten);', '', 'close forgets stores over losses'],
  [core('repair/repair-queue.ts'), 'if (enclosing.some(({ file }) => file === this)) {', 'if (false) {', 'a repair inside its own rebuild'],
  [core('opening/recover-file.ts'), ' || mode !== \'discard\') throw error;', ') throw error;', 'a damaged journal is a shrug'],
  [core('rescue/refresh-known.ts'), '!block.unwritten', 'true', 'unwritten blocks cannot be read'],
  [core('rescue/salvage.ts'), 'unsafe.addMet(met.filter((gap) => gap.reason === \'media\'));', '', 'salvage forgets what it met'],
  [core('rescue/scrub.ts'), 'await state.resized();', '', "a scrub meets its own resize()'s cut before the mapping"],
  [core('rescue/scrub.ts'), 'if (mapped.length === 0) continue;', '', 'what resize() cut off is truncated to a scrub'],
  [core('rescue/scrub.ts'), "if (verdict?.kind === 'media') bad.push", 'bad.push', 'an EIO of a filesystem that has shut down is believed'],
  [core('rescue/scrub.ts'), 'if (transferredBytes < piece.length) pending.push', 'if (false) pending.push', 'what lies behind a short read'],
  [core('ranges/range-set.ts'), 'next.offset <= end', 'next.offset < end', 'touching ranges stay apart'],
  [core('ranges/byte-range.ts'), 'while (first < cuts.length && rangeEnd(cuts[first] as ByteRange) <= start) first++;', '', 'subtract: cuts before the range'],
  [core('ranges/byte-range.ts'), 'if (rangeEnd(sorted[middle] as ByteRange) <= position) low', 'if (rangeEnd(sorted[middle] as ByteRange) < position) low', 'search: the range that ends where the other begins'],
  [core('faults/unsafe-ranges.ts'), '!this.#lost.holdsAnyOf(offset, length) &&', '', 'the quick question forgets losses'],
  [core('faults/unsafe-ranges.ts'), '!this.#busy.holdsAnyOf(offset, length)', 'true', 'the quick question forgets units under repair'],
  [core('faults/unsafe-ranges.ts'), 'this.#unfinished.size === 0 &&\n      !this.#listed', '!this.#listed', 'the quick question forgets unfinished intents'],
  [
    core('faults/unsafe-ranges.ts'), 'return !this.#lost.holdsAnyOf(offset, length);\n', 'return true;\n',
    'a repair takes what was lost of a page for what it holds',
  ],
  [
    core('faults/unsafe-ranges.ts'), 'if (this.#unfinished.size > 0 || this.#met', 'if (this.#met',
    'a repair looks away from what another has left half done',
  ],
  [
    core('faults/unsafe-ranges.ts'), ' > 0 || this.#met.holdsAnyOf(offset, length)) return false;\n    return !',
    ' > 0) return false;\n    return !', 'a repair looks away from errors that were met and that no list has',
  ],
  [
    core('repair/journal/format.ts'), 'asked.get(content)', 'asked.get(intents[0]?.content)',
    'the journal takes each content for the first one',
  ],
  // Several openers: killed by the exploration of these (mock/test/explore/several-openers.test.ts)
  [core('repair/journal/journal.ts'), 'if (--this.#holders > 0) return;', 'this.#holders = 0;', 'a persist of the same file drops the lock of its repair'],
  [core('repair/journal/journal.ts'), 'if (failure !== undefined) throw lockError(what, failure, this.#file.facts.path);', '', 'the repair lock excludes nobody'],
  [core('repair/journal/journal.ts'), 'if (!this.#isLoaded()) this.#adopt(located);', 'this.#adopt(located);', 'a repair goes on with a journal that it read before a persist changed it'],
  [core('repair/journal/journal.ts'), 'return this.#content ?? this.#adopt(this.#settledSync(locateSync(this.#file)));', 'return (this.#content ??= EMPTY);', 'a persist writes the journal without looking at it'],
  [
    core('repair/journal/stored-journal.ts'), '    if (this.#marked) return undefined;\n',
    '    return undefined;\n', 'a file with a journal is not marked',
  ],
  [core('resize/resize.ts'), "await journal.acquire('cannot resize');\n    return true;", 'return false;', 'resize() takes no lock'],
  [core('repair/recover.ts'), 'finished.size > 0 || isCutOff', 'isCutOff', 'open() drops an intent whose bytes are not durable'],
  [core('repair/write-units.ts'), 'if (size.sizeBytes !== writtenEnd) return undefined;', '', 'a repair of the last page cuts off what was appended'],
  [core('repair/batch.ts'), '...subtract(content.lost, settled), ', '', 'a repair forgets the losses of others'],
  // Watching
  [core('rescue/watch.ts'), 'if (!this.#running) void this.#follow();', 'if (!this.#running && !this.#again) void this.#follow();', 'a watch never hears of anything'],
  [core('rescue/watch.ts'), 'while (this.#again && !this.#closed) {\n        this.#again = false;', '{\n        this.#again = false;', 'a change that comes while the list is being read is not noticed'],
  [core('rescue/watch.ts'), 'if (this.#again) void this.#follow();', '', 'a change that comes while a watch begins is not noticed'],
  [core('rescue/watch.ts'), "if (cleared.length > 0) this.#emit({ kind: 'cleared', ranges: cleared });", '', 'clears go unnoticed'],
  [core('rescue/watch.ts'), 'const added = subtract(this.#known, before);', 'const added = this.#known;', 'what was said before is said again'],
  [core('rescue/watch.ts'), "if (this.#supported) this.#emit({ kind: 'unsupported'", "this.#emit({ kind: 'unsupported'", 'a list that cannot be read is said with every change'],
  [core('rescue/watch.ts'), 'if (!answer.supported) throw cannotWatch(this.#site.state.path, answer.reason);', '', 'a watch begins where the list cannot be read'],
  [core('rescue/watch.ts'), 'signals: readonly AbortSignal[]): void {', 'signals: readonly AbortSignal[]): void {\n    signals = signals.slice(0, 1);', 'a signal does not end the watch'],
  ...[
    ['if (!facts.dax) return {', 'if (false) return {', 'announced: without DAX too'],
    ["if (listingAbility(facts) === 'yes') return {", 'if (false) return {', 'announced: listed errors too'],
    ['this.#unsafe.addMet(added);', '', 'announced: and touched all the same'],
    ['subtract(lost, this.#unsafe.knownBadWithin(range))', 'lost', 'announced: twice'],
    ['announced.length <= pageBytes ? [range] : ', 'range.length > 0 ? [range] : ', 'announced: all of 2 MiB'],
    ['if (lost.length === 0) {', 'if (false) {', 'announced: an error in no page is not said'],
  ].map((change) => [core('rescue/announcements.ts'), ...change]),
  [
    core('rescue/on-abort.ts'),
    'waitingFor.get(signal) ?? begin(signal)', 'begin(signal)', 'announced: each watch listens to the signal',
  ],
  // Names
  [
    core('repair/journal/names.ts'), "isWindows ? text.lastIndexOf('\\\\') : -1",
    '-1', 'names: a path of Windows has no directory',
  ],
  [
    core('repair/journal/names.ts'), "Math.max(text.lastIndexOf('/'), isWindows ?",
    "Math.max(text.lastIndexOf('/'), isWindows || true ?", 'names: a backslash ends a directory on Linux',
  ],
  [
    core('errors/system-error.ts'), "[Errno.EMFILE, ['ERR_PMEM_TOO_MANY_FILES', ",
    "[Errno.EMFILE, ['ERR_PMEM_IO', ", 'EMFILE has no code of its own',
  ],
  // Remote filesystems
  [
    core('faults/classify.ts'), '(!remote && (errno === Errno.EIO', '((errno === Errno.EIO',
    'EIO of a server that is away is a media error',
  ],
  [
    core('faults/classify.ts'), 'return errno === Errno.EHWPOISON || (!remote', 'return (!remote',
    'failed memory under a remote filesystem is no media error',
  ],
  [
    core('faults/classify.ts'), '? REPEATS_MAX : 1;', '? REPEATS_MAX : REPEATS_MAX;',
    'a server that is away is asked seventeen times',
  ],
  [
    core('errors/system-error.ts'), "errno === Errno.EINVAL && syscall === 'mmap'", 'false',
    'a filesystem that cannot share a mapping gives ERR_PMEM_IO',
  ],
  [
    core('errors/system-error.ts'), "errno === Errno.EINVAL && syscall === 'mmap'", 'errno === Errno.EINVAL',
    'EINVAL of any call says that files cannot be mapped',
  ],
  [
    core('repair/journal/search-by-name.ts'), 'isShort && !isMarkable && !facts.created', 'isShort && !isMarkable',
    'a new file without marks is refused beside a short foreign X.repair',
  ],
  [
    core('repair/journal/whose-journal.ts'),
    'identity.inode === facts.inode || hasPassingInodes(facts)', 'identity.inode === facts.inode',
    'a journal on FAT is a copy after each mount',
  ],
  [
    core('repair/journal/whose-journal.ts'),
    "(filesystem === 'vfat' || filesystem === 'exfat') && birthTimeNs !== 0n", 'true',
    'on any filesystem the birth time alone makes a journal the own one',
  ],
  // Filesystems without marks
  [
    core('repair/journal/search-by-name.ts'), 'canBeMoved ? yield* searchBeside(file, none) : none', 'none',
    'a file that was renamed where marks are not kept has no losses',
  ],
  [
    core('repair/journal/search-by-name.ts'), "found.status === 'none' && canBeMoved ?", 'false ?',
    'a foreign journal at the name hides that of a file that was renamed',
  ],
  [
    core('repair/journal/search-by-name.ts'),
    'canBeMoved = !isMarkable && !facts.created;', 'canBeMoved = !isMarkable;',
    'a new file takes the journal of one whose inode number it got',
  ],
  [
    core('repair/journal/search-by-name.ts'), 'canBeMoved && (yield* belongsBeside(', 'false && (yield* belongsBeside(',
    'where marks are not kept a new file is a copy of the one that was rotated away',
  ],
  [
    core('repair/journal/search-folder.ts'), ' || !isMadeAt(place, journal.identity.id)', '',
    'where marks are not kept a copy forgets its losses once the original is whole',
  ],
  [
    core('repair/journal/search-folder.ts'),
    'if (!isTrusted(facts, outcome)) throw untrusted(facts, outcome, place);', '',
    'a journal that another user planted under another name is believed',
  ],
  [
    core('repair/journal/search-folder.ts'), "if (whose === 'unknown') throw refusal(facts, place, AMBIGUOUS);", '',
    'a journal that may be of a removed file is believed',
  ],
  [
    core('repair/journal/search-folder.ts'), 'if (!isIdentified(facts)) return none;', '',
    'a made-up inode number makes a journal the own one',
  ],
  [
    core('repair/journal/search-folder.ts'), '!isIdentified(file.facts) || ', '',
    'a made-up inode number makes the journal of a copy that of another file',
  ],
  [
    core('repair/journal/whose-journal.ts'), "filesystem === 'tmpfs' || keepsInodes;", "filesystem === 'tmpfs';",
    'where a daemon of FUSE keeps inode numbers and no marks, a file that was renamed has no losses',
  ],
  [
    core('repair/journal/search-by-mark.ts'), ' && !(isToldByName && place !== usualPlace(facts.path))', '',
    'where inode numbers are made up, a copy that has got that of its original takes its journal',
  ],
  [
    core('repair/journal/search-by-mark.ts'), '!isOwn && isToldByName && isWhereMarked(facts, mark, place)', 'false',
    'where inode numbers are made up, a file cannot be opened after a mount',
  ],
  [
    core('repair/journal/search-by-name.ts'), 'makesUpInodes(facts) ? searchOrphans : searchFolder', 'searchFolder',
    'where inode numbers are made up and no marks are kept, a file that was renamed has no losses',
  ],
  [
    core('repair/journal/search-orphans.ts'), 'if (taken.has(place) || taken.has(withoutInode(place))) continue;', '',
    'where inode numbers are made up, the losses of a file beside it hinder another one',
  ],
  [
    core('repair/journal/search-orphans.ts'), ' || !isTrusted(facts, outcome)', '',
    'where inode numbers are made up, a journal that another user planted hinders a file',
  ],
  [
    core('repair/journal/search-orphans.ts'),
    'if (place === placeAside(facts.path, journal.identity.id)) continue;', '',
    'where inode numbers are made up, a new file is hindered by what was set aside for it',
  ],
  [
    core('repair/journal/search-orphans.ts'), 'if (intersectAll(intents, whole).length > 0) return true;', '',
    'where inode numbers are made up, what a repair that was cut off left in a renamed file is data',
  ],
  [
    core('repair/journal/search-orphans.ts'), 'if (mayBeOf(file, journal)) throw', 'throw',
    'where inode numbers are made up, a journal that was left behind hinders every file',
  ],
  [
    core('repair/journal/search-orphans.ts'), 'file.read(piece, at) === undefined && !isZero(piece)', '!isZero(piece)',
    'where inode numbers are made up, a file that cannot be read has no losses',
  ],
  [
    core('repair/journal/discard.ts'), 'aside !== undefined && makesUpInodes(file.facts)', 'aside === undefined',
    'where inode numbers are made up, a new file removes the journal of one that was renamed',
  ],
  [
    core('repair/recover.ts'), 'if (located.doubt !== undefined && !adopt) throw located.doubt;', '',
    'where inode numbers are made up, a copy is believed to have the losses of its original',
  ],
  [
    core('repair/journal/search-folder.ts'), "if (whose === 'another') continue;", '',
    'on FAT a file takes the journal of one that was made together with it',
  ],
  [
    core('repair/journal/search-folder.ts'), "if (facts.birthTimeNs !== 0n) return 'own';", "return 'own';",
    'where births are not told an inode number that was given again makes a journal the own one',
  ],
  [
    core('repair/journal/discard.ts'), 'return answered(file, belongsBeside(file, place, journal));', 'return false;',
    'where marks are not kept a new file removes the journal of the one that was rotated away',
  ],
  // Huge pages
  [core('opening/huge-pages.ts'), "return dax ? 'avoid' : 'allow';", "return 'allow';", 'huge pages on DAX'],
  [core('opening/huge-pages.ts'), 'if (failure === undefined) avoiding.add(file);', 'avoiding.add(file);\n  if (failure === undefined) return;', 'info() says avoid of huge pages that the kernel did not avoid'],
  [core('opening/huge-pages.ts'), '    if (wanted === undefined) return;\n', '', 'a driver without a say on huge pages cannot be used on DAX'],
];

export const coreMutants = list.map(([file, find, replace, what]) => ({ file, find, replace, what }));
