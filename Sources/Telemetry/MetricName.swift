/// What a metric counts in, and how its name says so.
///
/// Source: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ (metric metadata)
package enum MetricUnit: Sendable, Hashable {
    case seconds
    case bytes
    /// Things, such as requests or tokens; no suffix.
    case count
    /// A share between 0 and 1.
    case ratio

    var suffix: String {
        switch self {
        case .seconds: "_seconds"
        case .bytes: "_bytes"
        case .count: ""
        case .ratio: "_ratio"
        }
    }

    /// How many of the integers that a histogram adds up make one unit: durations are observed in nanoseconds.
    var scale: Int64 {
        switch self {
        case .seconds: 1_000_000_000
        case .bytes, .count: 1
        case .ratio: 1_000_000
        }
    }
}

enum MetricKind: String, Sendable {
    case counter, gauge, histogram

    /// The samples that a family of this kind and name writes; no other family may write them.
    func sampleNames(_ name: String) -> [String] {
        self == .histogram ? [name, name + "_bucket", name + "_sum", name + "_count"] : [name]
    }
}

enum MetricName {
    /// `gen_ai.server.request.duration` in seconds is `gen_ai_server_request_duration_seconds`; counters end in
    /// `_total`.
    static func prometheus(_ name: String, _ kind: MetricKind, _ unit: MetricUnit) -> String {
        var base = sanitised(name)
        if kind == .counter, base.hasSuffix("_total") { base.removeLast(6) }
        if !base.hasSuffix(unit.suffix) { base += unit.suffix }
        return kind == .counter ? base + "_total" : base
    }

    /// Letters, digits and underscores, no digit first, runs of other characters become one underscore.
    static func sanitised(_ name: String) -> String {
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39:
                if bytes.isEmpty { bytes.append(0x5F) }
                bytes.append(byte)
            case 0x41...0x5A, 0x61...0x7A: bytes.append(byte)
            default: if bytes.last != 0x5F { bytes.append(0x5F) }
            }
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    /// A label's name: as a metric's, without the prefix `__` that Prometheus keeps for itself, and never `le`.
    static func label(_ name: String) -> String {
        let name = sanitised(name)
        return name == "le" ? "le_" : name
    }
}

/// Upper bounds of a histogram's buckets, ascending, without infinity.
package struct Buckets: Sendable, Hashable {
    package let bounds: [Double]

    /// - Precondition: between 1 and 64 finite bounds, strictly ascending.
    package init(_ bounds: [Double]) {
        precondition(
            (1...64).contains(bounds.count) && bounds.allSatisfy(\.isFinite)
                && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 },
            "a histogram needs 1 to 64 finite, ascending bounds")
        self.bounds = bounds
    }

    /// Seconds of a request: 0.01 doubling to 81.92.
    /// Source: OpenTelemetry semantic conventions 1.41, gen_ai.server.request.duration.
    package static let requestSeconds = Buckets([
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ])

    /// Seconds until the first token. Source: as above, gen_ai.server.time_to_first_token.
    package static let firstTokenSeconds = Buckets([
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ])

    /// Seconds between tokens. Source: as above, gen_ai.server.time_per_output_token.
    package static let perTokenSeconds = Buckets([
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
    ])

    /// Tokens: 1 to 67,108,864 in steps of four. Source: as above, gen_ai.client.token.usage.
    package static let tokens = Buckets([
        1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
    ])

    /// Seconds of a stage: from a quarter of a microsecond to 16 ms, then what only a fault takes.
    package static let stageSeconds = Buckets([
        0.000_000_25, 0.000_000_5, 0.000_001, 0.000_002, 0.000_004, 0.000_008, 0.000_016, 0.000_032, 0.000_064,
        0.000_128, 0.000_256, 0.000_512, 0.001, 0.004, 0.016, 0.128, 1,
    ])
}
