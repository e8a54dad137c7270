internal import Access
internal import Filtering
internal import Gateway
internal import Glibc
internal import Limits
internal import Logging
internal import Storage

/// Why a text is no value of its kind. The text itself is in it only where it can't be a secret.
struct ValueComplaint: Error, Hashable {
    let message: String
    let advice: String

    init(_ message: String, _ advice: String) {
        self.message = message
        self.advice = advice
    }
}

extension SettingKind {
    /// Reads what was written for the setting `path`.
    ///
    /// - Parameters:
    ///   - texts: One, or for a list as many as there are.
    ///   - environment: Where secrets named by variables must be.
    func read(
        _ texts: [String], for path: String, environment: [String: String]
    ) throws(ValueComplaint) -> SettingValue {
        if isList {
            for text in texts { try check(item: text, of: path) }
            return .list(texts)
        }
        guard let text = texts.first, texts.count == 1 else {
            throw ValueComplaint("`\(path)` is a list.", "Write \(advice).")
        }
        switch self {
        case .flag:
            guard let flag = Bool(text) else { throw complaint(text, path) }
            return .flag(flag)
        case .integer(let range):
            guard let number = Int(text), range.contains(number) else { throw complaint(text, path) }
            return .integer(number)
        case .limit:
            if text == "unlimited" { return .unlimited }
            guard let number = Int(text), number >= 0 else { throw complaint(text, path) }
            return .integer(number)
        case .amount:
            if text == "unlimited" { return .unlimited }
            do throws(MoneyComplaint) {
                return .text(try Money(parsing: text).description)
            } catch {
                throw complaint(text, path, error)
            }
        case .price:
            do throws(MoneyComplaint) {
                return .text(try TokenPrice(perMillion: text).description)
            } catch {
                throw complaint(text, path, error)
            }
        case .bytes(let range):
            guard let bytes = ByteSize.parse(text), range.contains(bytes) else { throw complaint(text, path) }
            return .integer(bytes)
        case .duration(let range):
            guard let duration = DurationText.parse(text), range.contains(duration) else { throw complaint(text, path) }
            return .duration(duration)
        default:
            try check(text: text, of: path, environment: environment)
            return .text(text)
        }
    }

    /// All that is wrong with what `read` refused: of a list, one complaint for each wrong item.
    ///
    /// - Parameter first: what `read` said.
    func complaints(_ first: ValueComplaint, of texts: [String], for path: String) -> [ValueComplaint] {
        guard isList else { return [first] }
        return texts.compactMap { text in
            do throws(ValueComplaint) {
                try check(item: text, of: path)
                return nil
            } catch {
                return error
            }
        }
    }

    private func complaint(_ text: String, _ path: String) -> ValueComplaint {
        ValueComplaint("`\(path)` can't be \(Shown.quoted(text)).", "Write \(advice).")
    }

    private func complaint(_ text: String, _ path: String, _ reason: MoneyComplaint) -> ValueComplaint {
        let what =
            switch reason {
            case .notANumber: "is no decimal number"
            case .negative: "is negative"
            case .tooFine: "has more than six decimals"
            case .tooLarge: "is too large"
            }
        return ValueComplaint("`\(path)` can't be \(Shown.quoted(text)), which \(what).", "Write \(advice).")
    }

    private func check(text: String, of path: String, environment: [String: String]) throws(ValueComplaint) {
        switch self {
        case .choice(let words):
            guard !words.contains(text) else { return }
            if let nearest = Suggestion.nearest(to: text, among: words) {
                throw ValueComplaint(
                    "`\(path)` can't be \(Shown.quoted(text)).", "Did you mean \(nearest)? Write \(advice).")
            }
            throw complaint(text, path)
        case .letters:
            guard Self.isWord(text) else { throw complaint(text, path) }
        case .host:
            let isHost = text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || [0x2D, 0x2E, 0x3A].contains(byte)
            }
            guard isHost, !text.isEmpty else { throw complaint(text, path) }
        case .url:
            do throws(URLComplaint) {
                _ = try UpstreamURL(text)
            } catch {
                throw ValueComplaint("`\(path)` \(error.message).", "Write \(advice).")
            }
        case .requestPath:
            let isPath = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && ![0x22, 0x23, 0x5C].contains($0) }
            guard isPath, text.hasPrefix("/") else { throw complaint(text, path) }
        case .databaseURL:
            do throws(PostgresAddress.Complaint) {
                _ = try PostgresAddress(text)
            } catch {
                throw ValueComplaint("`\(path)` \(error.message).", "Write \(advice).")
            }
        case .file, .secretFile:
            try Self.requireReadable(text, path, advice)
        case .secretVariable:
            guard Self.isVariableName(text) else {
                throw ValueComplaint(
                    "`\(path)` is no name of a variable.",
                    "Put the secret into an environment variable and write its name here, like UPSTREAM_KEY.")
            }
            guard let secret = environment[text], !secret.isEmpty else {
                throw ValueComplaint(
                    Shown.looksSecret(text)
                        ? "The variable that `\(path)` names is not set."
                        : "The variable \(text), which `\(path)` names, is not set.",
                    "Set it in the environment of Steward, or name another variable.")
            }
        case .text, .folder:
            guard !text.isEmpty else { throw ValueComplaint("`\(path)` is empty.", "Write \(advice).") }
        default: break
        }
    }

    private func check(item text: String, of path: String) throws(ValueComplaint) {
        switch self {
        case .files: try Self.requireReadable(text, path, advice)
        case .networks:
            do throws(AccessError) {
                _ = try Network(parsing: text)
            } catch .networkHostBits(_, let meant) {
                throw ValueComplaint(
                    "`\(path)` has \(Shown.quoted(text)), with bits set after its prefix.", "Write \(meant).")
            } catch {
                throw ValueComplaint(
                    "`\(path)` has \(Shown.quoted(text)), which is no network.",
                    "Write one like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7.")
            }
        case .headerNames:
            guard Self.isHeaderName(text) else {
                throw ValueComplaint(
                    "`\(path)` has \(Shown.quoted(text)), which is no header name.", "Write \(advice).")
            }
            guard !HeaderSettings.reserved.contains(text.lowercased()) else {
                throw ValueComplaint(
                    "`\(path)` has \(Shown.quoted(text)), which the gateway itself is responsible for.",
                    "Take it out; it can't be let through.")
            }
        case .choices(let words):
            guard !words.contains(text) else { return }
            let nearest = Suggestion.nearest(to: text, among: words).map { "Did you mean \($0)? " } ?? ""
            throw ValueComplaint("`\(path)` has \(Shown.quoted(text)).", "\(nearest)Write \(advice).")
        case .levels:
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, Logger.Level(rawValue: String(parts[1])) != nil else {
                throw ValueComplaint(
                    "`\(path)` has \(Shown.quoted(text)).",
                    "Write a logger and one of \(SettingsCatalogue.logLevels.joined(separator: ", ")), "
                        + "like steward.gateway: debug (steward.gateway=debug in a variable).")
            }
        default:
            guard !text.isEmpty else { throw ValueComplaint("`\(path)` has an empty item.", "Write \(advice).") }
        }
    }

    private static func requireReadable(_ file: String, _ path: String, _ advice: String) throws(ValueComplaint) {
        var status = stat()
        guard stat(file, &status) == 0, access(file, R_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            throw ValueComplaint(
                "`\(path)` names \(Shown.quoted(file)), which can't be read: \(reason).", "Write \(advice).")
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw ValueComplaint("`\(path)` names \(Shown.quoted(file)), which is a folder.", "Write \(advice).")
        }
    }

    static func isVariableName(_ text: String) -> Bool {
        guard let first = text.utf8.first, first == 0x5F || (0x41...0x5A).contains(first) else { return false }
        return text.utf8.allSatisfy { (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    private static func isWord(_ text: String) -> Bool {
        (1...12).contains(text.utf8.count) && text.utf8.allSatisfy { (0x41...0x5A).contains($0 & 0xDF) }
    }

    private static func isHeaderName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || [0x2D, 0x5F].contains(byte)
            }
    }
}
