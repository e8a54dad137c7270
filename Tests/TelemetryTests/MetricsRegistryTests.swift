import CoreMetrics
import Testing

@testable import Telemetry

@Suite("Metrics in Prometheus' text format")
struct MetricsRegistryTests {
    private func parse(_ registry: MetricsRegistry) throws -> [String: ExpositionParser.Family] {
        let families = try ExpositionParser.parse(registry.render())
        #expect(families.map(\.name) == families.map(\.name).sorted())
        return Dictionary(uniqueKeysWithValues: families.map { ($0.name, $0) })
    }

    @Test(
        "names follow OpenTelemetry's Prometheus exporter",
        arguments: [
            (
                "gen_ai.server.request.duration", MetricKind.histogram, MetricUnit.seconds,
                "gen_ai_server_request_duration_seconds"
            ),
            ("gen_ai.client.token.usage", .histogram, .count, "gen_ai_client_token_usage"),
            ("steward.refusals", .counter, .count, "steward_refusals_total"),
            ("steward.refusals.total", .counter, .count, "steward_refusals_total"),
            ("process.cpu", .counter, .seconds, "process_cpu_seconds_total"),
            ("journal_bytes", .gauge, .bytes, "journal_bytes"),
            ("9 lives--left", .gauge, .count, "_9_lives_left"),
            ("", .gauge, .count, "_"),
        ])
    func names(name: String, kind: MetricKind, unit: MetricUnit, expected: String) {
        #expect(MetricName.prometheus(name, kind, unit) == expected)
    }

    @Test("every label value and help text comes back as it went in", arguments: 0..<200)
    func escaping(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let registry = MetricsRegistry(seriesMax: 50)
        let help = generator.text(length: 30)
        let counters = registry.counters("steward.things", help: help, labels: ["a", "b.c"])
        var expected: [[String: String]: Double] = [:]
        for count in 1...20 {
            let (first, second) = (generator.text(length: 20), generator.text(length: 3))
            counters.with(first, second).add(Int64(count))
            expected[["a": first, "b_c": second], default: 0] += Double(count)
        }
        let family = try #require(try parse(registry)["steward_things_total"])
        #expect(family.help == help)
        #expect(Dictionary(uniqueKeysWithValues: family.samples.map { ($0.labels, $0.value) }) == expected)
    }

    @Test("values beyond a metric's bound share one series called other, and are counted")
    func overflow() throws {
        let registry = MetricsRegistry()
        let counters = registry.counters("steward.things", help: "Things.", labels: ["id", "kind"], seriesMax: 3)
        for id in 0..<1_000 { counters.with("\(id)", "k").add() }
        counters.with("1", "k").add()
        let families = try parse(registry)
        let samples = try #require(families["steward_things_total"]).samples
        #expect(samples.count == 4)
        #expect(samples.first { $0.labels["id"] == "1" }?.value == 2)
        #expect(samples.first { $0.labels["id"] == "other" }?.labels["kind"] == "other")
        #expect(samples.map(\.value).reduce(0, +) == 1_001)
        let overflows = try #require(families["steward_metrics_label_overflows_total"]).samples
        #expect(overflows.map(\.value) == [997])
        #expect(overflows.first?.labels == ["metric": "steward_things_total"])
    }

    @Test("the same metric asked for twice is one metric")
    func sameTwice() {
        let registry = MetricsRegistry()
        registry.counter("a", help: "A.").add(2)
        registry.counter("a", help: "A.").add(3)
        #expect(registry.counter("a", help: "A.").total == 5)
    }

    @Test("histograms put every value in the first bucket whose bound it does not exceed", arguments: 0..<20)
    func buckets(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let histogram = Histogram(.requestSeconds, unit: .seconds)
        var expected = [Int64](repeating: 0, count: Buckets.requestSeconds.bounds.count + 1)
        var sum: Int64 = 0
        for _ in 0..<500 {
            var nanoseconds = Int64.random(in: 0...100_000_000_000, using: &generator)
            // Half of the values stand on a bound, or next to one.
            if Bool.random(using: &generator) {
                nanoseconds =
                    10_000_000 << Int64.random(in: 0...13, using: &generator) + .random(in: -1...1, using: &generator)
            }
            histogram.observe(nanoseconds)
            sum += nanoseconds
            let index: Int = (0...13).first(where: { nanoseconds <= 10_000_000 << Int64($0) }) ?? 14
            expected[index] += 1
        }
        #expect(histogram.reading.counts == expected)
        #expect(histogram.reading.sum == Double(sum) / 1e9)
    }

    @Test(
        "all standard buckets hold their bounds exactly",
        arguments: [
            Buckets.requestSeconds, .firstTokenSeconds, .perTokenSeconds, .stageSeconds,
        ])
    func boundsAreExact(buckets: Buckets) {
        let histogram = Histogram(buckets, unit: .seconds)
        for bound in buckets.bounds { histogram.observe(Int64((bound * 1e9).rounded())) }
        #expect(histogram.reading.counts == buckets.bounds.map { _ in 1 } + [0])
    }

    @Test("a histogram shows its buckets as decimals, cumulative, with sum and count")
    func histogramText() throws {
        let registry = MetricsRegistry()
        let histogram = registry.histogram(
            "steward.stage.duration", unit: .seconds, buckets: Buckets([0.000_001, 0.01, 1]), help: "Stage.")
        for nanoseconds: Int64 in [1_000, 1_001, 20_000_000, 2_000_000_000] { histogram.observe(nanoseconds) }
        let text = String(decoding: registry.render(), as: UTF8.self)
        #expect(
            text.contains(
                """
                # HELP steward_stage_duration_seconds Stage.
                # TYPE steward_stage_duration_seconds histogram
                steward_stage_duration_seconds_bucket{le="1e-06"} 1
                steward_stage_duration_seconds_bucket{le="0.01"} 2
                steward_stage_duration_seconds_bucket{le="1"} 3
                steward_stage_duration_seconds_bucket{le="+Inf"} 4
                steward_stage_duration_seconds_sum 2.020002001
                steward_stage_duration_seconds_count 4

                """))
        _ = try parse(registry)
    }

    @Test("a series that many threads add to loses nothing")
    func concurrency() async {
        let registry = MetricsRegistry(seriesMax: 8)
        let counters = registry.counters("c", help: "C.", labels: ["l"])
        let histogram = registry.histogram("h", unit: .count, buckets: .tokens, help: "H.")
        await withTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    for index in 0..<5_000 {
                        counters.with("\((task + index) % 16)").add()
                        histogram.observe(Int64(index))
                    }
                }
            }
        }
        let total = counters.readings.map(\.series.total).reduce(0, +)
        #expect(total == 40_000)
        #expect(counters.readings.count == 9)
        #expect(histogram.count == 40_000)
        #expect(histogram.reading.sum == Double(8 * 5_000 * 4_999 / 2))
    }

    @Test("what libraries report through swift-metrics is in the same text")
    func factory() throws {
        let registry = MetricsRegistry()
        CoreMetrics.Counter(label: "hb.requests", dimensions: [("uri", "/a"), ("method", "GET")], factory: registry)
            .increment()
        Meter(label: "pool.size", factory: registry).set(2.5)
        Meter(label: "pool.size", factory: registry).increment(by: 1)
        CoreMetrics.Timer(label: "hb.request.duration", factory: registry).recordNanoseconds(30_000_000)
        Recorder(label: "batch", factory: registry).record(0.25)
        FloatingPointCounter(label: "energy", factory: registry).increment(by: 1.5)
        // The name is taken by a counter: kept out, not fatal.
        CoreMetrics.Counter(label: "hb.requests", dimensions: [("other", "x")], factory: registry).increment()
        Meter(label: "batch_count", factory: registry).set(1)
        let families = try parse(registry)
        #expect(families["hb_requests_total"]?.samples.map(\.labels) == [["method": "GET", "uri": "/a"]])
        #expect(families["pool_size"]?.samples.map(\.value) == [3.5])
        #expect(families["hb_request_duration_seconds"]?.samples.last?.value == 1)
        #expect(families["batch"]?.samples.first { $0.name == "batch_sum" }?.value == 0.25)
        #expect(families["energy_total"]?.samples.map(\.value) == [1.5])
        #expect(families["steward_metrics_conflicts_total"]?.samples.map(\.value) == [2])
        #expect(families["batch_count"] == nil)
    }

    @Test("model calls are named as OpenTelemetry names them")
    func genAI() throws {
        let registry = MetricsRegistry()
        let series = GenAIMetrics(in: registry).series(operation: "chat", provider: "openai", model: "gemma")
        series.duration.observe(700_000_000)
        series.duration(errorType: "429").observe(1_000_000)
        series.inputTokens.observe(12)
        let families = try parse(registry)
        let durations = try #require(families["gen_ai_server_request_duration_seconds"]).samples
        #expect(
            Set(durations.flatMap(\.labels.keys)) == [
                "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type", "le",
            ])
        #expect(durations.filter { $0.name.hasSuffix("_count") }.map { $0.labels["error_type"] } == ["", "429"])
        let tokens = try #require(families["gen_ai_client_token_usage"]).samples
        #expect(tokens.first { $0.name.hasSuffix("_sum") && $0.labels["gen_ai_token_type"] == "input" }?.value == 12)
    }

    @Test("the process reports its CPU, memory and descriptors")
    func process() throws {
        let registry = MetricsRegistry()
        ProcessMetrics.register(in: registry)
        let families = try parse(registry)
        for name in [
            "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
            "process_open_fds",
            "process_max_fds",
        ] {
            #expect(try #require(families[name]).samples[0].value > 0)
        }
    }
}
