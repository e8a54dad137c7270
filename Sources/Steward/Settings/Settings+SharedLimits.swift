internal import Limits
internal import SharedLimits

extension Settings {
    /// Where limits are shared; `nil` where each process keeps its own.
    var redis: RedisSettings? {
        guard let host = effective.text("limits.shared.host") else { return nil }
        var redis = RedisSettings(host: host)
        redis.port = effective.integer("limits.shared.port")
        redis.database = effective.integer("limits.shared.database")
        redis.user = effective.text("limits.shared.user")
        redis.password = SharedLimitsPassword(effective: effective, environment: environment).text.map {
            RedisPassword($0.value)
        }
        redis.namespace = effective.text("limits.shared.namespace") ?? redis.namespace
        redis.timeout = effective.duration("limits.shared.timeout").wholeNanoseconds
        return redis
    }

    var leaseTerms: LeaseTerms {
        var terms = LeaseTerms()
        terms.lifetime = effective.duration("limits.shared.lease_time").wholeNanoseconds
        terms.percentMax = effective.integer("limits.shared.lease_percent")
        terms.processes = effective.integer("limits.shared.processes")
        terms.away = effective.text("limits.shared.away").flatMap(AwayPolicy.init(rawValue:)) ?? terms.away
        return terms
    }
}

/// The password of Redis, from the variable or the file that the settings name.
struct SharedLimitsPassword {
    static let variable = "limits.shared.password_env"
    static let file = "limits.shared.password_file"

    let effective: EffectiveSettings
    let environment: [String: String]

    var isNamed: Bool { effective.text(Self.variable) != nil || effective.text(Self.file) != nil }

    /// `nil` where none is named, or where it can't be used.
    var text: CredentialText? {
        if let variable = effective.text(Self.variable) { return environment[variable].flatMap(CredentialText.init) }
        guard let file = effective.text(Self.file) else { return nil }
        return (try? String(contentsOfFile: file, encoding: .utf8)).flatMap(CredentialText.init)
    }
}

extension SettingsConsistency {
    /// What must hold between the settings of shared limits.
    func sharedLimits() -> [SettingProblem] {
        var problems: [SettingProblem] = []
        let password = SharedLimitsPassword(effective: effective, environment: environment)
        let (variable, file) = (SharedLimitsPassword.variable, SharedLimitsPassword.file)
        if effective.text(variable) != nil, effective.text(file) != nil {
            problems.append(
                problem(variable, "Both `\(variable)` and `\(file)` are set.", "Keep one of them."))
        } else if password.isNamed, password.text == nil {
            problems.append(
                problem(
                    effective.text(file) != nil ? file : variable, "The password of Redis can't be used.",
                    "Let it be one line of ASCII without spaces."))
        }
        if effective.text("limits.shared.user") != nil, !password.isNamed {
            problems.append(
                problem(
                    "limits.shared.user", "`limits.shared.user` is set without a password.", "Set `\(variable)` too."))
        }
        let namespace = effective.text("limits.shared.namespace") ?? ""
        let isName = namespace.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x2F, 0x3A, 0x5F].contains(byte)
        }
        if !isName {
            problems.append(
                problem(
                    "limits.shared.namespace", "`limits.shared.namespace` has characters that are not for it.",
                    "Write letters, digits, and . / : - _ only."))
        }
        return problems
    }
}
