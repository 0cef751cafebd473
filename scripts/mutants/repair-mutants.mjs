// Hand-listed mutants of what a file shares with others: the repair lock and the writer lock, the journal and the mark that
// says whose it is, other openers and other names, and units that fail beside others. One that survives means that data of
// healthy storage could be harmed unnoticed.
const core = (file) => `packages/core/src/${file}`;
const repair = (file) => core(`repair/${file}`);
const journal = (file) => repair(`journal/${file}`);

const list = [
  // Who may write
  [core('opening/writer-lock.ts'), 'file.lock(POSITION, WRITERS_MAX)', 'file.lock(POSITION, 1)', 'an exclusive writer leaves room for others'],
  [core('opening/writer-lock.ts'), 'file.lock(POSITION + writer, 1)', 'file.lock(POSITION, 1)', 'a second writer is refused'],
  [core('opening/writer-lock.ts'), '  if (readOnly) return;\n', '', 'a reader takes the place of a writer'],
  [core('opening/writer-lock.ts'), 'if (failure?.errno !== Errno.EAGAIN) return;', 'if (failure === undefined) return;', 'a filesystem without locks cannot be written to'],
  // The repair lock
  [journal('journal.ts'), 'this.#content = undefined;\n    this.#file.unlock', 'this.#file.unlock', 'what was read under an earlier lock is believed'],
  [journal('journal.ts'), 'return this.content;\n    } catch (error) {\n      this.release();', 'return this.content;\n    } catch (error) {', 'a journal that cannot be read keeps the lock'],
  [journal('journal.ts'), "if (!(error instanceof PmemError && error.code !== 'ERR_PMEM_JOURNAL')) throw error;", 'throw error;', 'an access fails because another process repairs'],
  [repair('survey.ts'), 'isSparse ? await writtenIn(file, unread) : undefined', 'undefined', 'the holes of a sparse file are read'],
  [repair('recover.ts'), 'const { intents, blank = [] } = journal.content;', 'const { intents, blank = [] } = located.journal;', 'open() decides on a journal that it read before it had the lock'],
  [repair('recover.ts'), "(error.code === 'ERR_PMEM_LOCKED' || error.code", '(error.code', 'open() fails while another process repairs'],
  [repair('recover.ts'), '?.fileSizeBytes ?? file.mappedBytes;\n}', ' === undefined ? file.mappedBytes : file.mappedBytes;\n}', 'a reader maps what the write of a last page added'],
  // Whose journal it is
  [journal('whose-journal.ts'), 'return outcome.ownerId === facts.ownerId ||', 'return outcome.ownerId >= 0 ||', 'a journal that anybody planted is believed'],
  [
    journal('search-by-mark.ts'), '!isOwn && isChangedSince(facts, mark, located)', 'false',
    'a loss that the original has no longer is data in its copy',
  ],
  [journal('search-by-mark.ts'), ' && journal.identity.inode !== facts.inode;', ';', 'a snapshot counts as a copy of its volume'],
  [
    journal('search-by-mark.ts'), 'writtenMs > Number(facts.birthTimeNs) / 1e6 - CLOCK_MS', 'true',
    'a copy is refused though its original is as it was',
  ],
  [journal('unlinked.ts'), ' || names.linkCount > 0', '', 'close() removes the journal of a file that has a name'],
  [journal('unlinked.ts'), ' || !isOnlyWriter(file)', '', 'close() removes the journal that other writers learn from'],
  [
    journal('stored-journal.ts'), 'if (this.#exists && this.#marked) this.#removed', 'if (this.#exists) this.#removed',
    'close() removes a journal that nothing would miss',
  ],
  [core('pmem-file.ts'), '      removeIfUnlinked(this.#state);\n', '', 'the journal of an unlinked file stays at its name'],
  [
    journal('whose-journal.ts'), 'return outcome.isElsewhere === true || !isMarkedAsOriginal(outcome, journal);',
    'return outcome.isElsewhere === true;', 'a file that was moved takes the journal of its copy',
  ],
  [
    repair('verify-units.ts'), 'if (!isMappingRefused(unmapped)) return refused;', 'return refused;',
    'a unit of a file that cannot be mapped any more is not verified',
  ],
  [
    repair('salvage-unit.ts'), 'if (!isRefused) return false;', 'return false;',
    'bytes that are there are written once more, though no fresh mapping can be had',
  ],
  [
    journal('stored-journal.ts'), 'return syscall !== ', 'return false && syscall !== ',
    'a mark that an append-only file keeps closes what was repaired',
  ],
  [
    journal('whose-journal.ts'), ' || outcome.ownerId === UNKNOWN_USER) return false;', ') return false;',
    'a journal of a user whom no namespace maps is believed',
  ],
  [journal('whose-journal.ts'), 'outcome.ownerId === 0 || ', '', 'a journal of root is not believed'],
  [journal('whose-journal.ts'), ' || outcome.ownerId === markedOwnerId;', ';', 'a journal of the user who marked the file is not believed'],
  [journal('search-by-name.ts'), "if (found.status === 'foreign') return yield* atInode();", "if (found.status === 'foreign') return none;", 'a foreign file that has the name is written over'],
  [journal('search-by-name.ts'), 'if (!isOwn && isOriginal) return yield* atInode();', 'if (!isOwn && isOriginal) return none;', "another file's journal is written over"],
  [journal('search-by-name.ts'), 'facts.created || isMarkedAsOriginal(outcome, journal)', 'facts.created', "another file's journal is taken for that of a copy"],
  [journal('search-by-mark.ts'), "status: isOwn ? 'own' : 'copied',", "status: isOwn || !isOfCopy(place, outcome, journal) ? 'own' : 'copied',", 'the journal of a marked copy is believed'],
  [journal('search-by-mark.ts'), 'if (journal.identity.id !== mark.id) continue;', '', 'a journal that the mark does not name is believed'],
  [journal('locate.ts'), 'if (!isSame) return mark;', '', 'a repair that ends meanwhile is taken for a lost journal'],
  [journal('search-by-mark.ts'), '[...beside, mark.path]', 'beside', 'a file that was moved does not find its journal'],
  [journal('names.ts'), '`${kept}-${digest}${ending}`', '`${kept}${ending}`', 'two long names share a journal'],
  [journal('search-by-name.ts'), 'if (isOwn && isMarkable && isMarkedAsOriginal(outcome, journal)) return { ...none, isStale: true };', '', 'a journal whose mark was never set is in force'],
  [repair('recover.ts'), 'if (located.isStale && !file.facts.readOnly) await sweep(journal);', '', 'a journal that is not in force stays'],
  [journal('discard.ts'), "if (decoded.status === 'foreign') return;", '', 'a new file deletes a file that is no journal'],
  [journal('discard.ts'), 'if (journal.identity.inode !== file.facts.inode && isMarkedAsOriginal(outcome, journal)) return true;', '', 'a new file deletes the journal of one that was renamed'],
  [journal('discard.ts'), "repairUnitBytes(file.facts)).status !== 'foreign';", "repairUnitBytes(file.facts)).status !== '';", "journal: 'discard' deletes a file that is no journal"],
  [journal('stored-journal.ts'), 'return names.linkCount === 1 && names.isAtPath ?', 'return names.isAtPath ?', 'without marks, a file of two names gets a journal'],
  [journal('stored-journal.ts'), 'return names.linkCount === 1 && names.isAtPath ?', 'return names.linkCount === 1 ?', 'without marks, a file that was renamed gets a journal at its old name'],
  [repair('repair.ts'), "if (journal.isCopied) throw journalError(journal, { errno: 0, syscall: 'rename' });", '', 'the journal of a copy is repaired as its own'],
  [core('resize/resize.ts'), "if (journal.isCopied) throw journalError(journal, { errno: 0, syscall: 'rename' });", '', 'the journal of a copy is clipped with the copy'],
  [
    journal('whose-journal.ts'), "cause.code === 'ERR_PMEM_TOO_MANY_FILES' ? cause : ", '',
    'a journal is discarded because too many files are open',
  ],
  // Mark and journal
  [
    journal('stored-journal.ts'), 'return isUnmarked ? { ...journal, mark: NO_MARK } : journal;', 'return journal;',
    'a journal in force is forgotten while its file gets a mark',
  ],
  [journal('stored-journal.ts'), 'const failure = await this.#file.writeJournal(', 'if (!this.#marked) await this.#file.writeMark(journal.mark);\n    const failure = await this.#file.writeJournal(', 'the mark is written before the journal'],
  [
    journal('stored-journal.ts'),
    'const failure = this.#marked ? await this.#writeMark(NO_MARK) : undefined;\n' +
    '      if (failure === undefined) {\n' +
    '        this.#marked = false;\n' +
    '        return this.#removed(await this.#file.removeJournal(this.#place));\n' +
    '      }\n' +
    '      if (!isMarkKept(failure)) return failure;\n',
    'const failure = this.#removed(await this.#file.removeJournal(this.#place));\n' +
    '      if (failure !== undefined || !this.#marked) return failure;\n' +
    '      this.#marked = false;\n' +
    '      return this.#file.writeMark(new Uint8Array(0));\n',
    'the mark is removed after the journal',
  ],
  [journal('stored-journal.ts'), 'this.#marked ? this.#writeMarkSync(NO_MARK) : undefined;', 'undefined as SystemFailure | undefined;', 'persist() removes the journal and leaves the mark'],
  [
    journal('search-by-mark.ts'), 'own === undefined || located.writtenMs > own.writtenMs', 'own === undefined',
    'of two journals of one inode the one that was left behind is believed',
  ],
  [
    journal('search-by-mark.ts'), 'isOfFile && !isOfCopy(place, outcome, journal) && ', 'isOfFile && ',
    "a snapshot's file changes the journal of the original",
  ],
  [journal('stored-journal.ts'), 'return isEmpty(content) && !this.isCopied;', 'return isEmpty(content);', 'persist() over everything that a copied journal names is said to be durable'],
  [journal('stored-journal.ts'), 'return this.#marked ? undefined : this.#markedBy(this.#writeMarkSync(journal.mark));', 'return undefined;', 'persist() makes no journal its own'],
  // Losses that are remembered, and no longer than they last
  [core('faults/unsafe-ranges.ts'), 'this.#lost.replaceWith(subtract(lost, this.#overwritten.ranges));', 'this.#lost.replaceWith(lost);', 'what was written over a loss is lost again'],
  [core('faults/unsafe-ranges.ts'), 'this.#overwritten.replaceWith(intersectAll(this.#overwritten.ranges, lost));', '', 'what another process has persisted waits for a persist for ever'],
  [core('faults/ask-again.ts'), 'coalesce([...unsafe.overwritten, ...unsafe.busy])', 'unsafe.busy', 'asking again brings back what was written over'],
  [core('faults/fault-path.ts'), 'this.refreshLosses(range);\n    const known', 'const known', 'what another process wrote over a loss stays unreadable'],
  [core('faults/fault-path.ts'), "this.refreshLosses(range);\n    this.#throwFor('view'", "this.#throwFor('view'", 'a view of what another process wrote over a loss is refused'],
  [core('faults/fault-path.ts'), "this.requireInFile('read', range);\n    this.#requireNothingLost(", "this.requireInFile('read', range);\n    this.refreshLosses(range);\n    this.#requireNothingLost(", 'a loss that is repaired after its bytes were loaded is data'],
  [
    journal('journal.ts'), 'if (this.#maySettle(located)) await', 'if (false) await',
    'what a journal says that is not durable is acted on',
  ],
  [
    core('faults/ask-again.ts'), 'if (settle && located.status', 'if (!settle && located.status',
    'a page counts as healthy on the word of a journal that is not durable',
  ],
  [journal('journal.ts'), 'this.#forgetRepairedElsewhere();\n', '', 'while another process repairs, what was written over a loss is still lost'],
  [core('faults/unsafe-ranges.ts'), 'intersectAll(this.#lost.ranges, [...lost, ...intents])', '[]', 'while another process repairs, every loss is forgotten'],
  [repair('repair.ts'), 'await takeBack(journal, unsafe, batch, before);\n        throw error;', 'throw error;', 'a repair that ends before it touches anything leaves its intents'],
  [core('faults/fault-path.ts'), 'this.#isLoadable(fault, verdict) ? LOADABLE : verdict', 'verdict', 'a hole that a view met while the file was cut off is a lack of space'],
  [repair('write-units.ts'), "unit.state === 'holds-others' || ", '', 'what another process stored beside the write is written over'],
  [repair('batch.ts'), " || state === 'holds-others'", '', 'what another process stored beside the write is hidden'],
  [
    repair('recorded-states.ts'), "unit.state === 'half-done' || unit.readErrno !== 0", "unit.state === 'half-done'",
    'what clearing leaves of a lost page counts as the store of others',
  ],
  [
    repair('recover.ts'), 'const zeros = subtract(blank, unread.map(({ data }) => data));', 'const zeros = blank;',
    'what clearing leaves of a lost page counts as the store of others, once open() has cleared it',
  ],
  [repair('verify-units.ts'), ' || isCutOff(file, unit)', '', 'what others write after a cut is hidden'],
  [repair('write-units.ts'), ' || (endMoved && unit.isTail)', '', 'what others append before a retry is cut off'],
  [
    repair('write-units.ts'), 'alone.has(unit) || unit.attempts.length > 0',
    'unit.attempts.length > 0', 'what others append before units are tried alone is wiped',
  ],
  [
    repair('write-units.ts'), 'for (const [unit, failure] of alone) if (next(unit) === undefined) unit.failed(failure);',
    '', 'a unit that is given up has no attempt',
  ],
  [
    repair('write-units.ts'), 'const neighbour = alone.has(unit) ? undefined : open?.at(-1);',
    'const neighbour = open?.at(-1);', 'units of a run that failed go together again',
  ],
  [
    repair('ask-again.ts'), 'if (holdsOthers)',
    'if (false)', 'what others store after a refused write is wiped',
  ],
  [
    repair('ask-again.ts'), 'unit.isZeroed && ',
    '', 'bytes that a refused write has uncovered count as those of others',
  ],
  [
    repair('ask-again.ts'), 'byte !== 0 && byte !== content[i]',
    'byte !== 0', 'what a refused write has written counts as the bytes of others',
  ],
  [
    journal('stored-journal.ts'), 'await this.#file.writeJournal(this.#place, this.#encoded(content));\n', ';\n',
    'a journal whose removal was not flushed comes back over what was stored since',
  ],
  [
    journal('stored-journal.ts'), 'this.#file.writeJournalSync(this.#place, this.#encoded(content));\n', ';\n',
    'the last loss comes back if the removal of its journal was not flushed',
  ],
  [
    journal('still-there.ts'), "if ('isAtPath' in names && names.isAtPath) return 'ours';", "return 'ours';",
    'a repair replaces the journal of a new file that was given its old name meanwhile',
  ],
  [
    journal('stored-journal.ts'), "else if (found === 'taken') return", "else if (found === 'absent') return",
    'a journal whose own place is not to be found takes that of another file',
  ],
  [
    journal('stored-journal.ts'), '(located !== undefined) this.note(located);', '(located !== undefined) {}',
    'a journal that was renamed in a repair stays as it was',
  ],
  // Lines that no access has met, in the middle of a page
  [
    core('resize/cuts.ts'), 'readOn(file, new Uint8Array(page.length), page.offset)',
    'file.pread(new Uint8Array(page.length), page.offset)', 'an end is moved into a page with an unmet bad line',
  ],
  [
    repair('write-units.ts'), "uncut?.step === 'pread' && isMediaErrno(uncut.errno, file.facts)",
    'false', 'an unmet bad line behind the end of the file fails its repair',
  ],
  [
    repair('grown-tail.ts'), 'readOn(file, found, added.offset)', 'file.pread(found, added.offset)',
    'what a whole-page write added stays if a bad line lies in it',
  ],
  [
    repair('grown-tail.ts'), 'isMediaErrno(errno, file.facts) && isZeros', 'isMediaErrno(errno, file.facts)',
    'what others appended before a bad line is cut off',
  ],
  [
    repair('recover.ts'), 'await readOn(file, found, offset)', 'await file.pread(found, offset)',
    'a read in pieces hides what others have stored since the intent',
  ],
  [
    core('rescue/read-on.ts'), 'errno === 0 && transferredBytes > 0 && transferredBytes < length', 'false',
    'a read that stops before a bad line is whole',
  ],
  [repair('write-units.ts'), '!isZero(added.subarray(0, transferredBytes))', 'false', 'what others rewrite is cut off'],
  [repair('verify-units.ts'), ' && !isZero(found.subarray(0, unit.data.length))', '', 'what another process cut off while it was repaired is data'],
  [core('faults/unsafe-ranges.ts'), 'if (pending.has(unit.offset)) continue;', 'continue;', 'while another process repairs, what it has repaired before stays bad'],
  [core('faults/unsafe-ranges.ts'), 'this.#lost.addAll(intersectAll(lost, [unit]));', '', 'while another process repairs, what it has given up before is data'],
  [journal('content.ts'), 'lost: intersectAll(coalesce([...content.lost, ...cut]), [file]),', 'lost: content.lost.filter(isInFile),', 'resize() drops a loss that it cuts'],
  [
    core('resize/resize.ts'), 'await forgetCutOff(state, Infinity);', '',
    'what resize() cut off stays lost for what takes its place',
  ],
  [
    core('resize/resize.ts'), 'await forgetCutOff(state, size);', '',
    'what others cut off is lost for what resize() adds',
  ],
  [
    core('resize/resize.ts'), "await sizeOf(file, 'cannot resize')", 'file.mappedBytes',
    'a loss behind what this opener has mapped is forgotten',
  ],
  [
    repair('clip-journal.ts'), "await flushWhole(file, unsafe, 'make the size of the file durable');", '',
    'the journal forgets before a cut is durable',
  ],
  [
    repair('recover.ts'), 'if (clippedTo(located.journal, file.mappedBytes) !== located.journal) await forgetCutOff(context);',
    '', 'what others cut off before open() stays lost for what they add later',
  ],
  // Others store into a page whose repair is gone
  [repair('repair.ts'), 'await strikeStoredOver(context, runs);', '', 'a repair finishes an intent over newer stores'],
  [
    repair('repair.ts'), 'if (!(await takeBack(journal, unsafe, batch, before))) throw', 'if (false) throw',
    'a repair that has left its intent goes on with it',
  ],
  [repair('stored-over.ts'), ' && byte !== content[i]', '', 'what a repair itself has left half done counts as stored'],
  [repair('stored-over.ts'), 'byte !== 0 && ', '', 'a page that was reset counts as stored over'],
  [repair('stored-over.ts'), '!isZero(found)', 'true', 'a page of zeros counts as rebuilt'],
  [repair('stored-over.ts'), "await flushWhole(file, unsafe, 'repair');", '', 'an intent is struck before the stores are durable'],
  [
    repair('stored-over.ts'), "if (journal.interruption !== 'over') throw", 'if (false) throw',
    'what may be torn or newer than the intent of an earlier boot counts as newer',
  ],
  [
    repair('stored-over.ts'), 'if (ranges.length === 0) return;',
    "if (ranges.length === 0 || journal.interruption !== 'over') return;",
    'a repair writes the intent of an earlier boot over newer stores',
  ],
  [
    repair('prepare-batch.ts'), 'if ((await storedOver(context, unfinished)).length > 0) return true;', '',
    'what others write, while rebuild is awaited, into a page that was half done is written over',
  ],
  [
    repair('repair.ts'), 'await strikeStoredOver(this.#context, window);', '',
    'an intent is finished over what others have written while rebuild was awaited',
  ],
  // A look gets no answer
  [repair('prepare-batch.ts'), 'unanswered !== undefined', 'false', 'an errno of the moment proves a page bad'],
  [repair('write-units.ts'), "if (errno !== 0) return { step: 'pread', errno };", '', 'what was not read is cut off'],
  [repair('write-units.ts'), ' || unit.isUnanswered', '', 'a page that does not answer is reset once more'],
  // Others append while the repair of the last page fails
  [repair('write-units.ts'), 'if (uncut === undefined) run', 'run', 'what a write has added stays'],
  [repair('write-units.ts'), 'run.at(-1)?.lengthened(false);', '', 'what others append is cut off'],
  [repair('appended-tail.ts'), ' && !isLengthened', '', 'what the write of a last page added counts as appended'],
  [repair('appended-tail.ts'), 'if (isMediaErrno(errno, file.facts)) return', 'return', 'a half-done page has no intent'],
  [repair('appended-tail.ts'), 'content.set(unit.content, 0);', '', 'of a last page what it holds is intended'],
  [repair('appended-tail.ts'), '{ unit, intent: undefined };', 'undefined;', 'what others append goes with poison'],
  [repair('recover.ts'), 'unit === appended?.unit', 'false', 'open() cuts off what others append while it finishes'],
  [repair('recover.ts'), ' || isCutOff', '', 'open() strikes the intent of a unit whose cut is not durable'],
  [repair('batch.ts'), 'lost.push(...unsafe.lostWithin(data), ...unsafe.overwrittenWithin(data));', '', 'the loss of a unit that was refused is forgotten'],
  [repair('batch.ts'), "if (unit.state === 'untouched') unsafe.addMet(unit.lost);", "if (unit.state === 'untouched') continue;", 'a unit that was refused is not known to be bad'],
  // An intent from before, and what others have stored since
  [journal('interruption.ts'), "if (isSameBoot(facts, found)) return 'over';", '', 'what others stored after a process died is written over'],
  [journal('interruption.ts'), "return bootId !== '' && journal.identity.bootId === bootId;", "return bootId !== '';", 'a restart of the machine is not noticed'],
  [journal('interruption.ts'), "if (isLater) return 'over';", '', 'what others stored before a restart is written over'],
  [journal('interruption.ts'), "if (isLater) return 'over';", "return 'over';", 'what a torn write left is taken for data'],
  [
    journal('interruption.ts'), "return keepsChangeTime(facts) ? 'torn' : 'unclear';", "return 'torn';",
    'a copy that sets back the time of change as well is written over',
  ],
  [journal('interruption.ts'), "return isLater || !isWrittenSince(facts, found) ? 'unclear' : 'torn';", "return isLater ? 'unclear' : 'torn';", 'what others stored within seconds of a restart is written over'],
  [journal('interruption.ts'), "return isLater || !isWrittenSince(facts, found) ? 'unclear' : 'torn';", "return 'torn';", 'what others stored after a restart is written over'],
  [journal('interruption.ts'), 'Math.max(modifiedMs, changedMs)', 'modifiedMs', 'a copy that keeps its times is written over'],
  [repair('recover.ts'), 'if (unclear.length > 0) throw unclearError(file, unclear);', '', 'open() chooses where nothing tells whose bytes they are'],
  [repair('recover.ts'), "adopt && journal.interruption === 'unclear' ? 'torn' : journal.interruption", 'journal.interruption', 'adopt does not end a repair that was cut off'],
  [
    repair('recover.ts'),
    'await journal.update(() => ({ intents: [...rest, ...unsupplied], lost: lostEarlier, blank: zeros }));', '',
    'a recovery that is cut off makes the file look stored to',
  ],
  [journal('stored-journal.ts'), 'if (intents.some(({ offset }) => before.has(offset))) return journal.identity.bootId;', '', 'an intent that open() could not write is taken for one of this boot'],
  [
    repair('grown-tail.ts'), '((isMediaErrno(errno, file.facts) && isZeros) || mayBeTorn)', 'true',
    'what others appended up to the end of the page is cut off',
  ],
  // Journals of the largest size
  [core('ranges/range-set.ts'), 'this.#ranges = coalesce(ranges);\n  }', 'this.#ranges = [];\n    for (const range of [...ranges].reverse()) this.add(range);\n  }', 'a list of losses is moved along for each of them'],
  [journal('format.ts'), ' || shorter > 1) {', ') {', 'any number of intents may be shorter than a unit'],
  // Bytes that are cut off inside a page
  [core('faults/fault-path.ts'), "if (target[target.byteLength - 1] === 0) this.requireInFile('read', range);", '', 'zeros behind a cut are read around a fault'],
  [core('faults/fault-path.ts'), "if ('failure' in size || size.sizeBytes >= rangeEnd(range)) return;", "if (!('failure' in size) && size.sizeBytes >= rangeEnd(range)) return;\n    if ('failure' in size) throw new PmemError('ERR_PMEM_IO', 'no size', { path: this.#path });", 'zeros are hidden by a filesystem that does not tell the size'],
  [core('faults/fault-path.ts'), 'const cut = intersect(range, rangeBetween(size.sizeBytes, rangeEnd(lastPage)));', 'const cut = rangeBetween(size.sizeBytes, rangeEnd(lastPage));', 'a cut before the range names bytes before the range'],
  [core('faults/fault-path.ts'), 'rangeBetween(size.sizeBytes, rangeEnd(lastPage))', 'rangeBetween(size.sizeBytes, rangeEnd(range))', 'pages of a view that were loaded before a cut are called truncated'],
  [repair('salvage-unit.ts'), 'const allLost = coalesce([...lostEarlier, ...gaps]);', 'const allLost = coalesce(gaps);', 'what an unfinished repair had nothing for passes for kept'],
  [core('access/loads-stores.ts'), 'if (target[target.length - 1] === 0) requireUncut(state, position, target.length);', '', 'zeros behind a cut are read'],
  [core('access/views.ts'), "state.faultPath.requireInFile('view', range);", '', 'a view over a cut is verified'],
  [core('rescue/salvage.ts'), 'found.push(...cutOff(file, chunk, found));', '', 'salvage takes zeros behind a cut'],
  // Units that fail
  [repair('batch.ts'), 'halfDone.push(unit);', 'ended.push(data);', 'a unit that was half written loses its intent'],
  [repair('batch.ts'), 'if (present !== undefined && !present.intents.some(isOurs)) return true;', 'return true;', 'an intent that reached the disk although its write failed stays'],
  [
    repair('batch.ts'),
    '  for (const unit of units) closeUnit(unsafe, unit, unit.intent(fileSizeBytes));\n  return false;', '  return false;',
    'a unit whose intent cannot be taken back stays open',
  ],
  [repair('batch.ts'), ', ...before.intents.filter(isOurs)],', '],', 'an earlier intent is taken back with a later one'],
  [repair('batch.ts'), ', ...intersectAll(before.lost, ranges)]),', ']),', 'an earlier loss is taken back with an intent'],
  [repair('batch.ts'), 'if (failure === TOO_LARGE) {', 'if (false) {', 'a journal that would be too large is one that cannot be written'],
  [
    repair('write-units.ts'), 'else for (const unit of run) parted.set(unit, failure);',
    'else for (const unit of run) unit.failed(failure);', 'one bad block costs its neighbours',
  ],
  [repair('repair.ts'), 'this.#note(batch);\n', 'this.#note(batch);\n        if (this.#worked.some((unit) => unit.strategy === undefined)) break;\n', 'a unit that fails ends the batches after it'],
  // Units that are written without a copy in the journal
  [repair('prepare-units.ts'), 'const isGone = lost.length === 1 && lost[0]?.length === goneBytes;', 'const isGone = true;', 'what a unit still held is kept nowhere while it is written'],
  [repair('prepare-units.ts'), 'suppliable: rebuild !== undefined && ', 'suppliable: ', 'what a fill accepted is asked for again after a crash'],
  [repair('prepare-units.ts'), '!journalRebuilt && ', '', 'journalRebuilt journals nothing'],
  [repair('salvage-unit.ts'), 'if (unfinished !== undefined && unfinished.content === undefined) {', 'if (false as boolean) {', 'a unit whose rebuilding was cut off counts as what it reads as'],
  [repair('batch.ts'), "return suppliable && state === 'half-done' ? [data] : tombstoned;", 'return tombstoned;', 'a unit whose rebuilding failed counts as what it reads as once the process has died'],
  [repair('batch.ts'), 'const content = written === undefined ? now : written.change(now);', 'const content = now;', 'what was written stays in the journal when the next batch is recorded'],
  [repair('batch.ts'), '    unsafe.syncFromJournal(journal.content);\n    return true;', '    return true;', 'an intent that was taken back is still finished'],
  [repair('recover.ts'), ', ...unsupplied]);', ']);', 'open() drops the note of a unit that was being rebuilt'],
  [repair('recover.ts'), 'intents.filter((intent) => intent.offset < fileSizeBytes);', 'intents.filter((intent) => intent.offset < fileSizeBytes && intent.content !== undefined);', 'what a repair whose process died had written is never looked at'],
  [repair('recover.ts'), 'unsafe.syncFromJournal(file.facts.readOnly ? withLosses(located.journal) : located.journal);', 'unsafe.syncFromJournal(located.journal);', 'to a reader a unit that is being rebuilt is a media error'],
  [journal('content.ts'), 'coalesce([...content.lost, ...cut])', 'content.lost', 'resize() forgets a unit that was being rebuilt and is cut'],
  [repair('repair.ts'), 'if (window.done === true || !next.isPrepared) await this.#strike();', '', 'the last batch stays in the journal'],
  [repair('repair.ts'), 'const error = await this.#struckOr(thrown);', 'const error = thrown;', 'a repair that is stopped leaves what it has written in the journal'],
  [repair('repair.ts'), '      unsafe.syncFromJournal(journal.content);\n      return thrown;', '      return thrown;', 'units that were written are closed because the next could not be recorded'],
  // First, do no harm
  [repair('survey.ts'), 'for (const stretch of unknown) await readStretch(file, stretch, unitBytes, suspects);', '', 'units of which nothing is known are not read'],
  [repair('salvage-unit.ts'), 'let gone: readonly ByteRange[] = NONE;', 'let gone: readonly ByteRange[] = [...scene.unsafe.metWithin(data)];', 'what an access met is lost although pread gives it'],
  [
    repair('salvage-unit.ts'), 'if (isMediaErrno(errno, facts)) return errno;', 'if (errno !== 0) return errno;',
    'a pread that finds no memory is a loss',
  ],
  [
    repair('salvage-unit.ts'), 'if (isMediaErrno(errno, facts)) return errno;', 'if (isMediaErrno(errno, {})) return errno;',
    'what a server that is away does not give is lost',
  ],
  [repair('salvage-unit.ts'), 'found.set(unfinished.content.subarray(0, data.length), 0);', 'found.fill(0).set(unfinished.content.subarray(0, data.length), 0);', 'what was appended to an unfinished unit becomes zeros'],
  [repair('salvage-unit.ts'), 'isAppended ? [...lostEarlier, ...gone].filter(', 'isAppended ? [].filter(', 'what was appended to an unfinished unit and lost passes for data'],
  [
    repair('salvage-unit.ts'), 'readErrno = weightierErrno(readErrno, errno);', 'readErrno = errno;',
    'a bad page behind one that the kernel holds back lets the unit be reset',
  ],
  [
    repair('salvage-unit.ts'), 'loadsFromBefore(scene, page, part, errno)',
    'loadsFromBefore(scene, page, part, readErrno)',
    'a page that is held back loses what another page of its unit still gives by loads',
  ],
  [
    repair('salvage-unit.ts'), 'gone.length > 1 ? coalesce(gone) : gone', 'gone',
    'a unit of several pages, all of them lost, counts as one that holds something',
  ],
  [
    repair('ask-again.ts'), 'readErrno = weightierErrno(readErrno, errno);', 'readErrno = errno;',
    'a page that is held back and refused is forgotten beside another page of its unit',
  ],
  [
    repair('ask-again.ts'), 'else if (isAnswered) readErrno', 'else readErrno',
    'a page that gave no answer is forgotten beside another page of its unit',
  ],
  [
    repair('ask-again.ts'), 'unit.content.subarray(offset - unit.data.offset)', 'unit.content',
    'what a repair has written of the later pages of a unit counts as the store of others',
  ],
  [repair('rebuild-lost.ts'), '[...(left.get(unit) ?? []), lost]', '[lost]', 'of two pieces that rebuild does not know, one passes for data'],
  [repair('salvage-unit.ts'), 'if (lostEarlier.length === 0 || !supplied) return undefined;', 'return undefined;', 'an earlier loss cannot be rebuilt'],
  [repair('repair.ts'), 'if (!isChanged) return batch;', 'return batch;', 'what happened to a unit while its intent was written is not seen'],
  [repair('prepare-batch.ts'), 'return reads.some(({ errno }) => errno === 0);', 'return false;', 'what another process wrote while rebuild ran is written over'],
  [repair('prepare-batch.ts'), 'if (hasTail(batch) ? sizeBytes !== batch.fileSizeBytes : sizeBytes < end) return true;', '', 'what was appended while rebuild ran is not seen'],
  [repair('repair.ts'), 'if (span !== undefined) await this.#listed.askAgain(span);', '', 'what another process has cleared meanwhile counts as listed'],
  [repair('grown-tail.ts'), '|| sizeBytes > intent.offset + unitBytes) continue;', ') continue;', 'recovery cuts off what lies past the unit'],
  [repair('grown-tail.ts'), ' && isZeros) return intent;', ') return intent;', 'recovery cuts off what was appended in the unit'],
  [repair('grown-tail.ts'), 'if (sizeBytes <= fileSizeBytes || sizeBytes > tail.offset + repairUnitBytes(file.facts)) return true;', 'if (sizeBytes <= fileSizeBytes) return true;', 'recovery cuts off what was appended while it wrote'],
  [repair('recover.ts'), ' && !isZero(found)) {', ') {', 'the zeros of a zero-range pass for what was stored since'],
  [repair('recover.ts'), " || (interruption === 'over' && isOnePage)", '', 'bytes that were stored after a repair whose process died are written over'],
  [repair('recover.ts'), " || (interruption === 'over' && isOnePage)", ' || isOnePage', 'after a restart whatever reads well is believed'],
  // A repair does not take the machine down
  [repair('strategy.ts'), "=== 'relocates') return !isHeldBack(readErrno) || allowRelocation;", "=== 'relocates') return true;", 'a page that the kernel holds back is handed to free space'],
  [repair('strategy.ts'), 'if (isHeldBack(readErrno)) return false;', '', 'zero-range on a page that the kernel holds back'],
  [repair('strategy.ts'), '(listed && !mayBeHuge)', 'listed', 'zero-range by name on a page that a mapping of 2 MiB met'],
  [repair('strategy.ts'), '(listed && !mayBeHuge)', '!mayBeHuge', 'zero-range by name on a page that no list has'],
  [repair('failure.ts'), 'overlappingOf(listed.after, data)', 'overlappingOf(listed.before, data)', 'a page that the refused write struck from the list is not called held back'],
  [repair('failure.ts'), 'overlappingOf(before, data).length > 0', 'false', 'root is sent to the list that the write strikes pages from'],
  [core('rescue/bad-blocks.ts'), 'const asked = hugePagesAround(file, within);', 'const asked = within;', 'extents are cut off before 2 MiB are seen'],
  [core('rescue/bad-blocks.ts'), 'first + hugeBytes <= Math.min(rangeEnd(touched), rangeEnd(extent))', 'false', 'no page was ever mapped by 2 MiB'],
  [core('rescue/bad-blocks.ts'), 'Math.max(touched.offset, Math.ceil(extent.offset / hugeBytes) * hugeBytes)', 'touched.offset', 'an extent that begins within 2 MiB has all of them'],
  [core('resize/cuts.ts'), 'found: await unreadableAmong(file, unasked) }', 'found: [] }', 'the kernel zeroes part of a page that another process has met'],
  [core('resize/cuts.ts'), 'for (const page of pagesOf(file, ranges)) if (isHeldBack(await readErrno(file, page))) heldBack.push(page);', '', 'a page that the kernel holds back goes to the next file'],
  [core('resize/cuts.ts'), "clearAbility(facts) === 'yes' ? await", "false ? await", 'what can be cleared may not be cut off'],
  // A page that was lost before is supplied, and its repair is cut off while others store there
  [repair('prepare-units.ts'), 'const isUnread = isHalfDone || unit.readErrno !== 0;', 'const isUnread = isHalfDone || unit.readErrno >= 0;', 'stores into a page that a killed repair was supplying are hidden'],
  [repair('recover.ts'), 'withStores(file, cutOff, blank)', 'withStores(file, cutOff, [])', 'stores into a page that was being supplied when the machine died are written over'],
  [repair('stored-in-between.ts'), ' || isZero(content)', '', 'what a page that gave nothing reads as after a restart is believed'],
  [repair('recover.ts'), 'subtract(lostEarlier, supplied), blank });', 'lostEarlier, blank });', 'what was supplied for an earlier loss is dropped when the machine dies'],
  [repair('recover.ts'), 'subtract(journal.content.lost, stored);', 'journal.content.lost;', 'stores of others are written again as lost'],
  [repair('recover.ts'), "filter(({ state }) => state === 'repaired').map(({ data }) => data);", 'map(({ data }) => data);', 'a unit that recovery could not write forgets what it had lost'],
  [repair('recorded-states.ts'), 'settled.push(unit.data);', ';', 'a page that went bad once more and was rebuilt stays lost if its process dies'],
  [repair('recorded-states.ts'), 'settled.push(range);', ';', 'what rebuild did not know beside a store passes for data if its process dies'],
  [repair('batch.ts'), 'else ended.push(data);', 'ended.push(data);', 'what was lost of a unit passes for data if its repair fails half way'],
  [journal('content.ts'), ' || overlappingOf(held, intent).length === 0;', ';', 'to a reader a page that was lost and is being supplied is a media error'],
  // The journal's size, and how often it is replaced
  [journal('format.ts'), 'intersectAll(lost, blank).length + subtract(lost, blank).length', 'recordsMax', 'a large journal cannot be made smaller'],
  [journal('journal.ts'), 'journalFits(content) ? (this.#content = content) : undefined', '(this.#content = content)', 'a persist makes the journal larger than open() accepts'],
  [journal('journal-errors.ts'), '  if (failure === TOO_LARGE) {', '  if (failure === undefined) {', 'a journal that would be too large is a full disk'],
  [core('access/persist-ranges.ts'), '        durable.push(range);', '        durable.push(range);\n        dropPersistedLosses(journal, unsafe, [range]);', 'close() replaces the journal for each piece'],
  [core('access/persist-ranges.ts'), 'dropPersistedLosses(journal, unsafe, durable);\n    } catch {', '    } catch {', 'what could be persisted stays lost beside what could not'],
  [repair('strategy.ts'), 'return readErrno === Errno.EFAULT || ', 'return ', 'EFAULT of a pread is no machine check'],
  [repair('strategy.ts'), "if (!tried.has('recovery-write')) return 'recovery-write';", "if (!tried.has('zero-range') && mayZero) return 'zero-range';\n  if (!tried.has('recovery-write')) return 'recovery-write';", 'zero-range before the write that changes nothing if it is refused'],
  [repair('strategy.ts'), 'const clearsByWrite = !hasWrite && ', 'const clearsByWrite = ', 'zero-range first on ext4 from 5.19 on'],
  [repair('strategy.ts'), 'if (mayZero && (clearsAtOnce || clearsByWrite)) {', 'if (clearsAtOnce || clearsByWrite) {', 'zero-range first on a page that it may harm'],
  [repair('strategy.ts'), " && unit.listed && readErrno === Errno.EIO;", ' && readErrno === Errno.EIO;', 'zero-range first on a page that no list has'],
  [repair('zero-range.ts'), "return facts.dax && clearAbility(facts) === 'yes';", 'return facts.dax;', 'zero-range is tried on a device that cannot clear'],
  [repair('zero-range.ts'), 'isOwnWritten(first) && isOwnWritten(last) && ', '', 'an unwritten block counts as one that zero-range has zeroed'],
  [repair('zero-range.ts'), "return failure.errno === Errno.EIO ? 'does-not-clear' : 'reaches-media';", "return 'reaches-media';", 'a refusal of zero-range is not remembered'],
  [repair('zero-range.ts'), 'const isCleared = after !== undefined && !after.isListed && after.physicalOffset === before.physicalOffset;', 'const isCleared = after !== undefined;', 'a page that zero-range left on the list counts as cleared'],
  [repair('zero-range.ts'), "if (outcome === undefined || 'failure' in outcome) return 'untried';", "if (outcome === undefined || 'failure' in outcome) return 'stock';", 'a trial that found no room is not repeated'],
  [repair('zero-range.ts'), '  unit.zeroed();\n', '', 'a page that the trial has zeroed loses its intent'],
  [repair('write-units.ts'), "if (request.strategy === 'auto') await learnZeroRange(file, units);", 'await learnZeroRange(file, units);', 'a strategy asked for by name is not the only one tried'],
  [repair('write-units.ts'), 'await askAgain(file, refused);', '', 'after a refusal the page is not asked again'],
];

export const repairMutants = list.map(([file, find, replace, what]) => ({ file, find, replace, what }));
