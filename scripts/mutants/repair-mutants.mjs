// Hand-listed mutants of what a file shares with others: the repair lock and the writer lock, the journal and the mark that
// says whose it is, other openers and other names, and units that fail beside others. One that survives means that data of
// healthy storage could be harmed unnoticed.
const core = (file) => `packages/core/src/${file}`;
const repair = (file) => core(`repair/${file}`);
const journal = (file) => repair(`journal/${file}`);

const list = [
  // Who may write
  [core('writer-lock.ts'), 'file.lock(POSITION, WRITERS_MAX)', 'file.lock(POSITION, 1)', 'an exclusive writer leaves room for others'],
  [core('writer-lock.ts'), 'file.lock(POSITION + writer, 1)', 'file.lock(POSITION, 1)', 'a second writer is refused'],
  [core('writer-lock.ts'), '  if (readOnly) return;\n', '', 'a reader takes the place of a writer'],
  [core('writer-lock.ts'), 'if (failure?.errno !== Errno.EAGAIN) return;', 'if (failure === undefined) return;', 'a filesystem without locks cannot be written to'],
  // The repair lock
  [journal('journal.ts'), 'this.#content = undefined;\n    this.#file.unlock', 'this.#file.unlock', 'what was read under an earlier lock is believed'],
  [journal('journal.ts'), 'return this.content;\n    } catch (error) {\n      this.release();', 'return this.content;\n    } catch (error) {', 'a journal that cannot be read keeps the lock'],
  [journal('journal.ts'), "if (error instanceof PmemError && error.code !== 'ERR_PMEM_JOURNAL') return;", '', 'an access fails because another process repairs'],
  [repair('recover.ts'), 'const { intents, tombstones } = journal.content;', 'const { intents, tombstones } = located.journal;', 'open() decides on a journal that it read before it had the lock'],
  [repair('recover.ts'), "(error.code === 'ERR_PMEM_LOCKED' || error.code", '(error.code', 'open() fails while another process repairs'],
  [repair('recover.ts'), '?.fileSizeBytes ?? file.mappedBytes;\n}', ' === undefined ? file.mappedBytes : file.mappedBytes;\n}', 'a reader maps what the write of a last page added'],
  // Whose journal it is
  [journal('locate.ts'), 'return outcome.ownerId === facts.ownerId ||', 'return outcome.ownerId >= 0 ||', 'a journal that anybody planted is believed'],
  [journal('locate.ts'), 'outcome.ownerId === 0 || ', '', 'a journal of root is not believed'],
  [journal('locate.ts'), ' || outcome.ownerId === markedOwnerId;', ';', 'a journal of the user who marked the file is not believed'],
  [journal('locate.ts'), "if (found.status === 'foreign') return yield* searchElsewhere(facts, elsewhere, none);", "if (found.status === 'foreign') return none;", 'a foreign file that has the name is written over'],
  [journal('locate.ts'), 'if (!isOwn && isOriginal) return yield* searchElsewhere(facts, elsewhere, none);', 'if (!isOwn && isOriginal) return none;', "another file's journal is written over"],
  [journal('locate.ts'), 'facts.created || isMarkedAsOriginal(outcome, journal)', 'facts.created', "another file's journal is taken for that of a copy"],
  [journal('locate.ts'), "isOf(facts, journal) ? 'own' : 'copied'", "'own'", 'the journal of a marked copy is believed'],
  [journal('locate.ts'), 'if (journal.identity.id !== mark.id) continue;', '', 'a journal that the mark does not name is believed'],
  [journal('locate.ts'), 'if (!isSame) return mark;', '', 'a repair that ends meanwhile is taken for a lost journal'],
  [journal('locate.ts'), 'mark.path, baseName(mark.path)]', 'baseName(mark.path)]', 'a file that was moved does not find its journal'],
  [journal('names.ts'), '`${kept}-${digest}${ending}`', '`${kept}${ending}`', 'two long names share a journal'],
  [journal('locate.ts'), 'if (isOwn && isMarkable && isMarkedAsOriginal(outcome, journal)) return { ...none, isStale: true };', '', 'a journal whose mark was never set is in force'],
  [repair('recover.ts'), 'if (located.isStale && !file.facts.readOnly) await sweep(journal);', '', 'a journal that is not in force stays'],
  [journal('journal.ts'), "if (decoded.status === 'foreign') return;", '', 'a new file deletes a file that is no journal'],
  [journal('journal.ts'), 'if (id !== undefined && outcome.mark !== undefined && decodeMark(outcome.mark)?.id === id) return;', '', 'a new file deletes the journal of one that was renamed'],
  [journal('journal.ts'), "repairUnitBytes(this.#file.facts)).status !== 'foreign';", "repairUnitBytes(this.#file.facts)).status !== '';", "journal: 'discard' deletes a file that is no journal"],
  [journal('journal.ts'), 'return names.linkCount === 1 && names.isAtPath ?', 'return names.isAtPath ?', 'without marks, a file of two names gets a journal'],
  [journal('journal.ts'), 'return names.linkCount === 1 && names.isAtPath ?', 'return names.linkCount === 1 ?', 'without marks, a file that was renamed gets a journal at its old name'],
  [repair('repair.ts'), "if (journal.isCopied) throw journalError(journal, { errno: 0, syscall: 'rename' });", '', 'the journal of a copy is repaired as its own'],
  [core('pmem-file.ts'), "if (journal.isCopied) throw journalError(journal, { errno: 0, syscall: 'rename' });", '', 'the journal of a copy is clipped with the copy'],
  // Mark and journal
  [journal('journal.ts'), 'const failure = await this.#file.writeJournal(', 'if (!this.#marked) await this.#file.writeMark(journal.mark);\n    const failure = await this.#file.writeJournal(', 'the mark is written before the journal'],
  [journal('journal.ts'), 'const failure = this.#marked ? await this.#file.writeMark(new Uint8Array(0)) : undefined;\n      if (failure !== undefined) return failure;\n      this.#marked = false;\n      return this.#removed(await this.#file.removeJournal(this.#place));', 'const failure = this.#removed(await this.#file.removeJournal(this.#place));\n      if (failure !== undefined || !this.#marked) return failure;\n      this.#marked = false;\n      return this.#file.writeMark(new Uint8Array(0));', 'the mark is removed after the journal'],
  [journal('journal.ts'), 'this.#marked ? this.#file.writeMarkSync(new Uint8Array(0)) : undefined;', 'undefined as SystemFailure | undefined;', 'persist() removes the journal and leaves the mark'],
  [journal('journal.ts'), 'return this.#marked ? undefined : this.#markedBy(this.#file.writeMarkSync(journal.mark));', 'return undefined;', 'persist() makes no journal its own'],
  // Losses that are remembered, and no longer than they last
  [core('hazards.ts'), 'this.#tombstones.replaceWith(subtract(tombstones, this.#overwritten.ranges));', 'this.#tombstones.replaceWith(tombstones);', 'what was written over a loss is lost again'],
  [core('hazards.ts'), 'this.#overwritten.replaceWith(intersectAll(this.#overwritten.ranges, tombstones));', '', 'what another process has persisted waits for a persist for ever'],
  [core('ask-again.ts'), 'subtract(journal?.tombstones ?? [], hazards.overwritten)', 'journal?.tombstones ?? []', 'asking again brings back what was written over'],
  [core('guarded-io.ts'), 'this.#journal.reconsider();\n    const lost', 'const lost', 'what another process wrote over a loss stays unreadable'],
  [journal('format.ts'), 'tombstones: intersectAll(content.tombstones, [file]),', 'tombstones: content.tombstones.filter(isInFile),', 'resize() drops a loss that it cuts'],
  [core('pmem-file.ts'), 'await this.#clipJournal();', '', 'what resize() cut off stays lost for what takes its place'],
  [repair('batch.ts'), ', ...lostNow, ...lostBefore])', ', ...lostNow])', 'the loss of a unit that was refused is forgotten'],
  [repair('batch.ts'), 'else hazards.addMet(work.lost);', '', 'a unit that was refused is not known to be bad'],
  // Units that fail
  [repair('batch.ts'), 'const open = works.filter((work) => work.strategy === undefined && work.altered);', 'const open: PreparedUnit[] = [];', 'a unit that was half written loses its intent'],
  [repair('batch.ts'), 'if (present !== undefined && remains !== true) return;', 'return;', 'an intent that reached the disk although its write failed stays'],
  [repair('batch.ts'), 'if (present !== undefined && failure === undefined) return;\n  for (const work of works) closeUnit(hazards, work, fileSizeBytes);', '', 'a unit whose intent cannot be taken back stays open'],
  [repair('batch.ts'), ', ...before.intents.filter(isOurs)],', '],', 'an earlier intent is taken back with a later one'],
  [repair('batch.ts'), ', ...intersectAll(before.tombstones, units)]),', ']),', 'an earlier loss is taken back with an intent'],
  [repair('batch.ts'), 'if (!journalFits(added(before))) {', 'if (false) {', 'a journal is written that open() would refuse'],
  [repair('write-units.ts'), 'else for (const unit of await writeRuns(file, run.map((work) => [strategy, [work]] as const), fileSizeBytes)) written.push(unit);', 'else for (const work of run) record(work, strategy, failure);', 'one bad block costs its neighbours'],
  [repair('repair.ts'), 'this.#note(batch);\n', 'this.#note(batch);\n        if (this.#worked.some((unit) => unit.strategy === undefined)) break;\n', 'a unit that fails ends the batches after it'],
  // First, do no harm
  [repair('survey.ts'), 'for (const stretch of unknown) await readStretch(file, stretch, unitBytes, suspects);', '', 'units of which nothing is known are not read'],
  [repair('prepare-units.ts'), 'const lost: ByteRange[] = [...tombstones];', 'const lost: ByteRange[] = [...tombstones, ...hazards.metWithin(data)];', 'what an access met is lost although pread gives it'],
  [repair('prepare-units.ts'), 'if (isMediaErrno(errno)) return errno;', 'if (errno !== 0) return errno;', 'a pread that finds no memory is a loss'],
  [repair('prepare-units.ts'), 'found.set(unfinished.content.subarray(0, data.length), 0);', 'found.fill(0).set(unfinished.content.subarray(0, data.length), 0);', 'what was appended to an unfinished unit becomes zeros'],
  [repair('prepare-units.ts'), 'lost.filter((page) => rangeEnd(page) > rangeEnd(unfinished)) : [];', '[] : [];', 'what was appended to an unfinished unit and lost passes for data'],
  [repair('prepare-units.ts'), '[...(left.get(unit) ?? []), lost]', '[lost]', 'of two pieces that rebuild does not know, one passes for data'],
  [repair('prepare-units.ts'), 'if (tombstones.length === 0 || !supplied) return undefined;', 'return undefined;', 'an earlier loss cannot be rebuilt'],
  [repair('repair.ts'), 'if (!(await this.#hasChanged(batch, window))) return batch;', 'return batch;', 'what happened to a unit while its intent was written is not seen'],
  [repair('repair.ts'), 'return reads.some(({ errno }) => errno === 0);', 'return false;', 'what another process wrote while rebuild ran is written over'],
  [repair('repair.ts'), 'if (hasTail(batch) ? sizeBytes !== batch.fileSizeBytes : sizeBytes < end) return true;', '', 'what was appended while rebuild ran is not seen'],
  [repair('repair.ts'), 'await this.#listAgain(window);', '', 'what another process has cleared meanwhile counts as listed'],
  [repair('recover.ts'), '|| sizeBytes > intent.offset + unitBytes) continue;', ') continue;', 'recovery cuts off what lies past the unit'],
  [repair('recover.ts'), ' && isZero(found)) return intent;', ') return intent;', 'recovery cuts off what was appended in the unit'],
  [repair('recover.ts'), 'if (sizeBytes <= fileSizeBytes || sizeBytes > tail.offset + repairUnitBytes(file.facts)) return true;', 'if (sizeBytes <= fileSizeBytes) return true;', 'recovery cuts off what was appended while it wrote'],
  [repair('recover.ts'), ' || isZero(found)) continue;', ') continue;', 'the zeros of a zero-range pass for what was stored since'],
  [repair('recover.ts'), 'if (isSameBoot || Buffer.compare', 'if (Buffer.compare', 'bytes that were stored after a repair whose process died are written over'],
  [repair('recover.ts'), 'if (isSameBoot || Buffer.compare(found, intent.content) === 0)', 'if (true)', 'after a restart whatever reads well is believed'],
  [journal('journal.ts'), "return bootId !== '' && bootId === this.#file.facts.bootId;", "return bootId !== '';", 'a restart of the machine is not noticed'],
  // A repair does not take the machine down
  [repair('strategy.ts'), "return zeroRangeBehaviour(facts) === 'relocates' && allowRelocation;", 'return true;', 'zero-range on a page that the kernel holds back'],
  [repair('strategy.ts'), 'return readErrno === Errno.EFAULT || ', 'return ', 'EFAULT of a pread is no machine check'],
  [repair('strategy.ts'), "if (!tried.has('recovery-write')) return 'recovery-write';", "if (!tried.has('zero-range') && mayZero) return 'zero-range';\n  if (!tried.has('recovery-write')) return 'recovery-write';", 'zero-range before the write that changes nothing if it is refused'],
  [repair('strategy.ts'), 'if (!hasWrite && zeroRangeBehaviour', 'if (zeroRangeBehaviour', 'zero-range first on ext4 from 5.19 on'],
  [repair('write-units.ts'), 'if (pending.some((work) => work.attempts.length > 0)) await askAgain(file, pending);', '', 'after a refusal the page is not asked again'],
];

export const repairMutants = list.map(([file, find, replace, what]) => ({ file, find, replace, what }));
