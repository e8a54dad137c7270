internal import Access
internal import Logging
internal import Records
internal import Storage
internal import Telemetry

/// What everything else stands on: the store, the keys' digests, the records and their journal.
struct Ground: Sendable {
    let store: StoreHandle
    let access: Access
    let digester: KeyDigester
    let journal: Journal
    private let logger: Logger

    /// Opens all of it and brings the schema up to date. A store of a newer version is refused.
    static func open(_ settings: Settings, in folder: DataFolder, logger: Logger) async throws -> Ground {
        let store = try await StoreHandle.open(settings, in: folder)
        for name in try await store.database.migrate(StoreSchema.migrations, at: .now) {
            logger.info("The schema was changed.", metadata: ["migration": "\(name)"])
        }
        let digester = try settings.digester(dataFolder: folder.path)
        let access = Access(database: store.database, digester: digester)
        try await access.checkDigestKey()
        let notices = JournalNotices(logger: Logger(label: "steward.records"))
        let journal = try Journal(settings.journal(folder: folder.journal), notice: notices.log)
        return Ground(
            store: store, access: access, digester: digester, journal: journal, logger: logger)
    }

    var database: any Database { store.database }
    var records: RecordStore { store.records }

    func writer() -> RecordWriter {
        RecordWriter(
            journal: journal, store: records, notice: JournalNotices(logger: Logger(label: "steward.records")).log)
    }

    /// Closes all of it, after the last service ended.
    func close() async {
        journal.close()
        do {
            try await store.close()
        } catch {
            logger.error("The store could not be closed cleanly.", metadata: ["error": "\(error)"])
        }
    }

    /// What can be seen of it in `/metrics`.
    func register(in registry: MetricsRegistry) {
        let journal = journal
        registry.gauge("steward.journal.size", unit: .bytes, help: "Bytes of the journal on disk.") {
            Double(journal.load.bytes)
        }
        registry.gauge("steward.journal.open", help: "Exchanges admitted and not settled.") {
            Double(journal.load.open)
        }
    }
}

/// Says in the log what the journal wants operators to read.
struct JournalNotices: Sendable {
    let logger: Logger

    @Sendable func log(_ notice: JournalNotice) {
        switch notice {
        case .tornTail(let segment, let bytes):
            logger.notice(
                "A crash cut off the last journal entry; nobody had been told that it was kept.",
                metadata: ["segment": "\(segment)", "bytes": "\(bytes)"])
        case .corrupt(let segment, let offset, let bytes):
            logger.error(
                "Part of the journal is damaged and was skipped; its file is kept as .corrupt.",
                metadata: ["segment": "\(segment)", "offset": "\(offset)", "bytes": "\(bytes)"])
        case .missing(let segment):
            logger.error("A file of the journal is missing.", metadata: ["segment": "\(segment)"])
        case .writeFailed(let code):
            logger.error("\(JournalText.text(.failed(code: code)))")
        case .recovered:
            logger.notice("The journal can be written again.")
        }
    }
}
