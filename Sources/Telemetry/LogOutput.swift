package import Logging
internal import Snapshots
internal import Synchronization

/// How a log line looks.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One line of `key=value` for people.
    case text
    /// One JSON object a line.
    case json
}

/// From which level on a logger speaks, by its label.
///
/// A rule for `steward.gateway` also holds for `steward.gateway.pool`; the longest rule wins.
package struct LogLevels: Sendable, Hashable {
    package var `default`: Logger.Level
    package var rules: [String: Logger.Level]

    package init(_ default: Logger.Level = .info, rules: [String: Logger.Level] = [:]) {
        self.default = `default`
        self.rules = rules
    }

    package func level(for label: String) -> Logger.Level {
        var name = Substring(label)
        while true {
            if let level = rules[String(name)] { return level }
            guard let dot = name.lastIndex(of: ".") else { return `default` }
            name = name[..<dot]
        }
    }
}

/// Where and how the process logs; makes the handlers of swift-log.
///
/// ```swift
/// let output = LogOutput(format: .json, levels: LogLevels(.info), dropped: dropped, now: { Timestamp.now.microseconds })
/// let logger = Logger(label: "steward.gateway", factory: output.handler)
/// ```
package struct LogOutput: Sendable {
    let sink: LogSink
    let format: LogFormat
    private let levels: LogLevelTable
    let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - descriptor: written to, never closed; standard error unless told otherwise.
    ///   - bytesMax: how much may wait for the descriptor before lines are dropped.
    ///   - dropped: counts the lines that found no room.
    ///   - now: the wall clock in microseconds since 1970, UTC.
    package init(
        format: LogFormat, levels: LogLevels, descriptor: Int32 = 2, bytesMax: Int = 1 << 20,
        dropped: Counter = Counter(), now: @escaping @Sendable () -> Int64
    ) {
        (self.format, self.levels, self.now) = (format, LogLevelTable(levels), now)
        sink = LogSink(descriptor: descriptor, bytesMax: bytesMax, dropped: dropped) { lost in
            LogLine(
                time: now(), level: .warning, label: "steward.telemetry", message: "Log lines were lost.",
                fields: ["lines": .stringConvertible(lost)]
            ).bytes(as: format)
        }
    }

    /// Waits until everything logged so far was written, or the time is up; for the end of the process, never on an
    /// event loop.
    ///
    /// - Returns: whether all was written.
    @discardableResult
    package func flush(within limit: Duration = .seconds(2)) -> Bool {
        sink.flush(within: limit)
    }

    /// Other levels hold from now on, also of loggers that are there already.
    package func follow(_ levels: LogLevels) { self.levels.follow(levels) }

    /// The handler of a label; what `LoggingSystem.bootstrap` and `Logger(label:factory:)` take.
    package func handler(for label: String) -> any LogHandler {
        LineLogHandler(label: label, output: self, level: levels.level(of: label))
    }
}

/// The level of one label, as all its loggers ask for it: a load, without a lock.
final class SharedLogLevel: Sendable {
    private let index: Atomic<Int>

    init(_ level: Logger.Level) { index = Atomic(Self.index(of: level)) }

    var current: Logger.Level {
        get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
        set { index.store(Self.index(of: newValue), ordering: .relaxed) }
    }

    private static func index(of level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }
}

/// The levels of all labels that anybody logs under.
private final class LogLevelTable: Sendable {
    // Held for a look-up, or while all are changed.
    private let state: Lock<(levels: LogLevels, byLabel: [String: SharedLogLevel])>

    init(_ levels: LogLevels) { state = Lock((levels, [:])) }

    func level(of label: String) -> SharedLogLevel {
        state.withLock { state in
            if let known = state.byLabel[label] { return known }
            let level = SharedLogLevel(state.levels.level(for: label))
            state.byLabel[label] = level
            return level
        }
    }

    func follow(_ levels: LogLevels) {
        state.withLock { state in
            state.levels = levels
            for (label, level) in state.byLabel { level.current = levels.level(for: label) }
        }
    }
}

struct LineLogHandler: LogHandler {
    let label: String
    let output: LogOutput
    private let level: SharedLogLevel
    /// Where somebody chose one for this logger alone.
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String, output: LogOutput, level: SharedLogLevel) {
        self.label = label
        self.output = output
        self.level = level
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? level.current }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { _, new in new } }
        if let own = event.metadata { fields.merge(own) { _, new in new } }
        if let error = event.error, fields["error"] == nil { fields["error"] = "\(error)" }
        let line = LogLine(
            time: output.now(), level: event.level, label: label, message: event.message.description, fields: fields)
        output.sink.append(line.bytes(as: output.format))
    }
}
