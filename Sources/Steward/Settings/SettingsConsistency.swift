internal import Access
internal import Limits
internal import NIOSSL

/// What must hold between settings, and of what they point to.
struct SettingsConsistency {
    let effective: EffectiveSettings
    let environment: [String: String]

    func problems() -> [SettingProblem] {
        ports() + tls() + digestKey() + databasePassword() + sizes() + sharedLimits()
    }

    func problem(_ path: String, _ message: String, _ advice: String) -> SettingProblem {
        SettingProblem(place: effective[path].place, message: message, advice: advice)
    }

    private func ports() -> [SettingProblem] {
        let listeners = ["gateway", "desk", "telemetry"]
        var problems: [SettingProblem] = []
        for (index, listener) in listeners.enumerated() {
            for other in listeners[..<index] {
                let port = effective["\(listener).port"].value
                guard port == effective["\(other).port"].value, port != .integer(0),
                    effective["\(listener).host"].value == effective["\(other).host"].value
                else { continue }
                let changed = effective["\(listener).port"].place == .fallback ? other : listener
                problems.append(
                    problem(
                        "\(changed).port", "`\(other).port` and `\(listener).port` are the same.",
                        "Give each listener a port of its own, or 0 for a free one."))
            }
        }
        return problems
    }

    private func tls() -> [SettingProblem] {
        let paths = ["gateway.tls.certificate_chain", "gateway.tls.private_key"]
        let files = paths.map { effective.text($0) }
        switch (files[0], files[1]) {
        case (nil, nil): return []
        case (_?, nil): return [problem(paths[0], "`\(paths[0])` is set alone.", "Set `\(paths[1])` too.")]
        case (nil, _?): return [problem(paths[1], "`\(paths[1])` is set alone.", "Set `\(paths[0])` too.")]
        case (let chain?, let key?):
            var problems: [SettingProblem] = []
            if (try? NIOSSLCertificate.fromPEMFile(chain))?.isEmpty ?? true {
                problems.append(
                    problem(
                        paths[0], "`\(paths[0])` holds no certificate.",
                        "Write the path of a PEM file that begins with the gateway's certificate."))
            }
            if (try? NIOSSLPrivateKey(file: key, format: .pem)) == nil {
                problems.append(
                    problem(
                        paths[1], "`\(paths[1])` holds no private key.",
                        "Write the path of a PEM file with the certificate's key, without a passphrase."))
            }
            return problems
        }
    }

    private func digestKey() -> [SettingProblem] {
        let file = effective.text("keys.digest_key_file")
        let variable = effective.text("keys.digest_key_env")
        if file != nil, variable != nil {
            return [
                problem(
                    "keys.digest_key_env", "Both `keys.digest_key_env` and `keys.digest_key_file` are set.",
                    "Keep one of them.")
            ]
        }
        do throws(AccessError) {
            if let file { _ = try DigestKey.read(file) }
            if let variable { _ = try DigestKey.parse(environment[variable] ?? "", source: variable) }
            return []
        } catch {
            return [
                problem(
                    file != nil ? "keys.digest_key_file" : "keys.digest_key_env", "The digest key can't be used.",
                    error.description)
            ]
        }
    }

    private func databasePassword() -> [SettingProblem] {
        let (variable, file) = ("database.password_env", "database.password_file")
        if effective.text(variable) != nil, effective.text(file) != nil {
            return [problem(variable, "Both `\(variable)` and `\(file)` are set.", "Keep one of them.")]
        }
        return [variable, file].filter { effective.text($0) != nil && effective.text("database.url") == nil }.map {
            problem($0, "`\($0)` is set without `database.url`.", "Set `database.url` too.")
        }
    }

    private func sizes() -> [SettingProblem] {
        [
            ("gateway.http.body_bytes_max", "gateway.http.bytes_in_flight_max"),
            ("gateway.http.event_bytes_max", "gateway.http.answer_bytes_max"),
            ("records.retention_days", "records.usage_retention_days"),
        ].compactMap { smaller, larger in
            guard effective.integer(smaller) > effective.integer(larger) else { return nil }
            let isSmallerSet = effective[smaller].place != .fallback
            return problem(
                isSmallerSet ? smaller : larger, "`\(smaller)` is above `\(larger)`.",
                "Lower `\(smaller)` or raise `\(larger)`.")
        }
    }
}

extension EffectiveSettings {
    func text(_ path: String) -> String? {
        if case .text(let text)? = self[path].value { text } else { nil }
    }

    /// - Precondition: the setting is a number that always has a value.
    func integer(_ path: String) -> Int {
        guard case .integer(let number)? = self[path].value else { preconditionFailure("\(path) is no number.") }
        return number
    }

    /// A limit; `nil` is unlimited.
    func limit(_ path: String) -> Int? {
        if case .integer(let number)? = self[path].value { number } else { nil }
    }

    /// A budget of money; `nil` is none.
    func amount(_ path: String) -> Money? { text(path).flatMap { try? Money(parsing: $0) } }

    /// The first setting that budgets money; `nil` where none does.
    var moneyBudget: String? {
        entries.first { entry in
            if case .text? = entry.value { entry.setting.kind == .amount } else { false }
        }?.setting.path
    }

    func duration(_ path: String) -> Duration {
        guard case .duration(let duration)? = self[path].value else { preconditionFailure("\(path) is no time.") }
        return duration
    }

    /// The longest that something may take; `nil` is as long as it takes.
    func timeLimit(_ path: String) -> Duration? {
        if case .duration(let duration)? = self[path].value { duration } else { nil }
    }

    func flag(_ path: String) -> Bool? {
        if case .flag(let flag)? = self[path].value { flag } else { nil }
    }

    func list(_ path: String) -> [String] {
        if case .list(let items)? = self[path].value { items } else { [] }
    }
}
