/// One thing that an operator can set: its place, its kind, what holds without it, and what it is for.
///
/// The catalogue of these is the only description there is: the file, the variables, the flags, the diagnostics and the
/// reference are all read from it.
struct Setting: Sendable {
    /// As in the file, joined by dots, such as `gateway.port`.
    let path: String
    let kind: SettingKind
    /// As one would write it; `nil` where nothing stands for "not set".
    let fallback: String?
    /// A sentence or two.
    let summary: String
    /// When a change of it takes effect.
    let uptake: Uptake

    /// What a process that serves does with a change.
    enum Uptake: String, Sendable, CaseIterable {
        /// Takes it up when it is sent SIGHUP.
        case reload
        /// Says that it needs a restart, and keeps the value that it was started with.
        case restart
    }

    init(
        _ path: String, _ kind: SettingKind, _ fallback: String?, _ summary: String, _ uptake: Uptake = .reload
    ) {
        self.path = path
        self.kind = kind
        self.fallback = fallback
        self.summary = summary
        self.uptake = uptake
    }

    /// The last part of the path, as written in the file.
    var name: String {
        String(path[(path.lastIndex(of: ".").map { path.index(after: $0) } ?? path.startIndex)...])
    }

    /// The part of the path behind the innermost list, such as `timeouts.connect`.
    var nameInItem: String { path.split(separator: "]").last.map { String($0.dropFirst()) } ?? name }

    /// `gateway.public_url` is `STEWARD_GATEWAY_PUBLIC_URL`.
    var variable: String {
        "STEWARD_" + path.uppercased().replacing(".", with: "_")
    }
}

/// What may be written for a setting.
enum SettingKind: Sendable, Hashable {
    case text
    /// Letters only.
    case letters
    case flag
    case choice([String])
    case integer(ClosedRange<Int>)
    /// A whole number, or `unlimited`.
    case limit
    /// An amount of money, or `unlimited`.
    case amount
    /// Of a million tokens.
    case price
    /// In bytes; `64KiB`, `32MiB`, `1GiB` or a whole number.
    case bytes(ClosedRange<Int>)
    case duration(ClosedRange<Duration>)
    /// A host name or an address to listen on.
    case host
    /// With `http` or `https`, and neither user, password nor query.
    case url
    /// Path and query of a request.
    case requestPath
    /// Of a PostgreSQL database; its password is never shown.
    case databaseURL
    /// A file that must be readable.
    case file
    /// A folder; made if it is not there.
    case folder
    /// The name of an environment variable that holds a secret.
    case secretVariable
    /// A file that holds a secret; must be readable.
    case secretFile
    case files
    case networks
    case headerNames
    case texts
    case choices([String])
    /// Log levels by logger: a mapping in the file, `name=level` elsewhere.
    case levels

    var isList: Bool {
        switch self {
        case .files, .networks, .headerNames, .texts, .choices, .levels: true
        default: false
        }
    }

    /// What to write, as the end of "Write …".
    var advice: String {
        switch self {
        case .text: "a text"
        case .letters: "one to twelve letters, like EUR"
        case .flag: "true or false"
        case .choice(let words): words.joined(separator: " or ")
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .limit: "a whole number, 0 or more, or unlimited"
        case .amount: "an amount from 0 to 1000000000 with at most six decimals, like 50 or 12.50, or unlimited"
        case .price:
            "the price of a million tokens, from 0 to 1000000 with at most six decimals, like 0.15; 0 where they cost nothing"
        case .bytes(let range):
            "a size from \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound)), like 32MiB"
        case .duration(let range):
            "a time from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound)), like 200ms or 5s"
        case .host: "an address or a host name, like 127.0.0.1 or 0.0.0.0"
        case .url: "an address like https://host:8443/base, without user, password, query and fragment"
        case .requestPath: "a path like /health"
        case .databaseURL: "an address like postgres://user@host:5432/name?sslmode=verify-full"
        case .file: "the path of a readable file"
        case .folder: "the path of a folder"
        case .secretVariable: "the name of an environment variable, like UPSTREAM_KEY"
        case .secretFile: "the path of a readable file that holds the secret"
        case .files: "a list of readable files"
        case .networks: "a list of networks, like [10.0.0.0/8, 2001:db8::/32]"
        case .headerNames: "a list of header names, like [traceparent]"
        case .texts: "a list of texts"
        case .choices(let words): "a list of some of \(words.joined(separator: ", "))"
        case .levels: "a mapping from loggers to levels, like steward.gateway: debug"
        }
    }

    /// A word for it in the reference.
    var word: String {
        switch self {
        case .text: "text"
        case .letters: "letters"
        case .flag: "true, false"
        case .choice(let words): words.joined(separator: ", ")
        case .integer(let range): "number, \(range.lowerBound) to \(range.upperBound)"
        case .limit: "number, unlimited"
        case .amount: "amount, unlimited"
        case .price: "price"
        case .bytes: "size"
        case .duration: "time"
        case .host: "host"
        case .url, .databaseURL: "address"
        case .file, .secretFile: "file"
        case .requestPath: "path"
        case .folder: "folder"
        case .secretVariable: "variable"
        case .files: "list of files"
        case .networks: "list of networks"
        case .headerNames: "list of header names"
        case .texts: "list of texts"
        case .choices(let words): "list of \(words.joined(separator: ", "))"
        case .levels: "mapping of levels"
        }
    }
}

/// What was read for a setting.
enum SettingValue: Sendable, Hashable {
    case text(String)
    case integer(Int)
    case flag(Bool)
    case duration(Duration)
    case list([String])
    case unlimited
}

extension SettingValue: CustomStringConvertible {
    /// As one would write it.
    var description: String {
        switch self {
        case .text(let text): text
        case .integer(let number): String(number)
        case .flag(let flag): String(flag)
        case .duration(let duration): DurationText.text(duration)
        case .list(let items): "[\(items.joined(separator: ", "))]"
        case .unlimited: "unlimited"
        }
    }
}
