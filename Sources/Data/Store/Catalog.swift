internal import Base
internal import GRDB
internal import StoreFormat
internal import SystemPackage

/// The catalog could not be read or written. Nothing is lost: it is a cache.
struct CatalogError: Error {
    let message: String
}

/// `catalog.sqlite`: references, versions, lineage and shards, for listing and searching. Never a row per record.
///
/// It knows the digest of the `index.json` that it was made from, so it notices by itself that it is stale.
struct Catalog {
    /// "tvt" and 1.
    private static let applicationID: Int32 = 0x7476_7401
    private static let schemaVersion: Int32 = 1

    private let store: Store
    private let database: DatabaseQueue
    /// Whether the file had to be made.
    private let isNew: Bool

    init(store: Store) throws(CatalogError) {
        self.store = store
        let path = store.layout.catalog
        let existed = Files.exists(path)
        do {
            let opened = existed ? try Self.open(path) : nil
            database = try opened ?? Self.make(store.layout)
            isNew = !existed
        } catch {
            throw CatalogError(message: "\(error)")
        }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL")
        }
        return configuration
    }

    /// Nil where the file is damaged or not a catalog of this version.
    private static func open(_ path: FilePath) throws -> DatabaseQueue? {
        do {
            let queue = try DatabaseQueue(path: path.string, configuration: configuration)
            let isOurs = try queue.read { database in
                try Int32.fetchOne(database, sql: "PRAGMA application_id") == applicationID
                    && Int32.fetchOne(database, sql: "PRAGMA user_version") == schemaVersion
                    && String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok"
            }
            return isOurs ? queue : nil
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_NOTADB || error.resultCode == .SQLITE_CORRUPT
        {
            return nil
        }
    }

    /// Makes the catalog where there is none that can be used: one process at a time, since the file of one that is
    /// being made looks foreign to others.
    private static func make(_ layout: StoreLayout) throws -> DatabaseQueue {
        let gate = try FileLock(
            acquiring: layout.tmp.appending("gate"), purpose: "making the catalog", wait: true)
        defer { withExtendedLifetime(gate) {} }
        let path = layout.catalog
        if Files.exists(path) {
            if let opened = try open(path) { return opened }
            // Foreign, damaged or of another version.
            log.notice("\(path): cannot be used; made anew from the manifests")
            for suffix in ["", "-journal", "-wal", "-shm"] { try Files.remove(FilePath(path.string + suffix)) }
        }
        return try create(path)
    }

    private static func create(_ path: FilePath) throws -> DatabaseQueue {
        let queue = try DatabaseQueue(path: path.string, configuration: configuration)
        try queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE source (indexDigest TEXT NOT NULL);
                    CREATE TABLE versions (
                        digest TEXT PRIMARY KEY, name TEXT NOT NULL, logicalDigest TEXT NOT NULL, tool TEXT NOT NULL,
                        documents INTEGER NOT NULL, queries INTEGER NOT NULL, positives INTEGER NOT NULL,
                        negatives INTEGER NOT NULL, judgements INTEGER NOT NULL, rawBytes INTEGER NOT NULL,
                        storedBytes INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE refs (
                        name TEXT PRIMARY KEY, version TEXT NOT NULL REFERENCES versions, image TEXT NOT NULL,
                        createdAt TEXT
                    ) WITHOUT ROWID;
                    CREATE TABLE lineage (
                        child TEXT NOT NULL REFERENCES versions ON DELETE CASCADE, parent TEXT NOT NULL,
                        PRIMARY KEY (child, parent)
                    ) WITHOUT ROWID;
                    CREATE TABLE shards (
                        version TEXT NOT NULL REFERENCES versions ON DELETE CASCADE, kind TEXT NOT NULL,
                        number INTEGER NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
                        records INTEGER NOT NULL, rawBytes INTEGER NOT NULL, PRIMARY KEY (version, kind, number)
                    ) WITHOUT ROWID;
                    PRAGMA application_id = \(applicationID);
                    PRAGMA user_version = \(schemaVersion);
                    """)
        }
        return queue
    }

    /// Brings the catalog in line with `index.json`, in one transaction; reads only the manifests that are new.
    ///
    /// - Parameter note: tell the user where the catalog was missing or stale.
    func refresh(note: Bool) throws {
        let digest = SHA256Digest.of(try Files.readAll(store.layout.index)).description
        let known = try sql { try $0.read { try String.fetchOne($0, sql: "SELECT indexDigest FROM source") } }
        guard known != digest else { return }
        try sql { queue in
            try queue.writeWithoutTransaction { database in
                // Others do the same at the same time: what is known and what is to be known are looked at under the
                // lock that the writing needs.
                try database.inTransaction(.immediate) {
                    try update(database, note: note)
                    return .commit
                }
            }
        }
    }

    private func update(_ database: Database, note: Bool) throws {
        let bytes = try Files.readAll(store.layout.index)
        let digest = SHA256Digest.of(bytes).description
        guard try String.fetchOne(database, sql: "SELECT indexDigest FROM source") != digest else { return }
        let index = try ReferenceIndex(bytes, path: store.layout.index.string)
        if note, !index.references.isEmpty {
            log.notice("\(store.layout.catalog) was \(isNew ? "missing" : "stale"); brought up to date")
        }
        var taken = Set(try String.fetchAll(database, sql: "SELECT digest FROM versions"))
        for reference in index.references where taken.insert(reference.dataset.description).inserted {
            try insert(reference.dataset, store.manifest(reference.dataset), in: database)
        }
        try database.execute(sql: "DELETE FROM refs")
        for reference in index.references {
            try database.execute(
                sql: "INSERT INTO refs VALUES (?, ?, ?, ?)",
                arguments: [
                    reference.name, reference.dataset.description, reference.image.digest.description,
                    try store.createdAt(reference),
                ])
        }
        try database.execute(sql: "DELETE FROM versions WHERE digest NOT IN (SELECT version FROM refs)")
        try database.execute(sql: "DELETE FROM source")
        try database.execute(sql: "INSERT INTO source VALUES (?)", arguments: [digest])
    }

    private func insert(_ digest: SHA256Digest, _ manifest: Manifest, in database: Database) throws {
        let summary = DatasetSummary(reference: manifest.name, digest: digest, createdAt: nil, manifest: manifest)
        try database.execute(
            sql: "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                digest.description, manifest.name, manifest.logicalDigest.description, summary.tool,
                summary.documentCount, summary.queryCount, summary.positiveCount, summary.negativeCount,
                summary.judgementCount, summary.rawBytes, summary.storedBytes,
            ])
        for parent in Set(manifest.provenance.parents).sorted() {
            try database.execute(
                sql: "INSERT INTO lineage VALUES (?, ?)", arguments: [digest.description, parent.description])
        }
        for (kind, shards) in [
            ("documents", manifest.documents.shards), ("queries", manifest.queries.shards),
            ("media", manifest.media?.shards ?? []),
        ] {
            for (number, shard) in shards.enumerated() {
                try database.execute(
                    sql: "INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?, ?)",
                    arguments: [
                        digest.description, kind, number, shard.blob.digest.description, shard.blob.size,
                        shard.recordCount, shard.rawBytes,
                    ])
            }
        }
    }

    func list() throws -> [DatasetSummary] {
        let rows = try sql { queue in
            try queue.read { database in
                try Row.fetchAll(
                    database,
                    sql: "SELECT refs.name AS reference, refs.createdAt, versions.* FROM refs "
                        + "JOIN versions ON versions.digest = refs.version ORDER BY refs.name")
            }
        }
        return try rows.map { row in
            guard let digest = SHA256Digest(hex: row["digest"]) else {
                throw CatalogError(message: "it holds a digest that is none")
            }
            return DatasetSummary(
                reference: row["reference"], digest: digest, createdAt: row["createdAt"], tool: row["tool"],
                documentCount: row["documents"], queryCount: row["queries"], positiveCount: row["positives"],
                negativeCount: row["negatives"], judgementCount: row["judgements"], rawBytes: row["rawBytes"],
                storedBytes: row["storedBytes"])
        }
    }

    /// Runs a database call; the database's errors become a `CatalogError`.
    private func sql<Result>(_ body: (DatabaseQueue) throws -> Result) throws -> Result {
        do {
            return try body(database)
        } catch let error as any StatusError {
            // About the store itself: it is no better without the catalog.
            throw error
        } catch {
            throw CatalogError(message: "\(error)")
        }
    }
}
