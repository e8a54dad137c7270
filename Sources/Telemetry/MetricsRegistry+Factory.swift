package import CoreMetrics

/// What libraries report through swift-metrics goes into the same registry.
///
/// Labels are a metric's dimensions, ordered by name. A library's metric whose name is taken by a different one is
/// counted as a conflict and not kept: a library must not be able to stop the process.
extension MetricsRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let found: Counter? = series(label, .counter, .count, dimensions) { Counter() }
        return CounterAdapter(found ?? Counter())
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        let found: DoubleCell? = series(label, .counter, .count, dimensions) { DoubleCell() }
        return DoubleCellAdapter(found ?? DoubleCell())
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        let found: DoubleCell? = series(label, .gauge, .count, dimensions) { DoubleCell() }
        return DoubleCellAdapter(found ?? DoubleCell())
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else {
            let found: DoubleCell? = series(label, .gauge, .count, dimensions) { DoubleCell() }
            return DoubleCellAdapter(found ?? DoubleCell())
        }
        // Its name gets no unit, for none is told; inside it counts in millionths, which keep a recorder's fractions.
        let make: @Sendable () -> Histogram = { Histogram(.tokens, unit: .ratio) }
        return HistogramAdapter(series(label, .histogram, .count, dimensions, make: make) ?? make())
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let make: @Sendable () -> Histogram = { Histogram(.firstTokenSeconds, unit: .seconds) }
        return HistogramAdapter(series(label, .histogram, .seconds, dimensions, make: make) ?? make())
    }

    package func destroyCounter(_: any CounterHandler) {}
    package func destroyFloatingPointCounter(_: any FloatingPointCounterHandler) {}
    package func destroyMeter(_: any MeterHandler) {}
    package func destroyRecorder(_: any RecorderHandler) {}
    package func destroyTimer(_: any TimerHandler) {}

    private func series<Series: MetricSeries>(
        _ label: String, _ kind: MetricKind, _ unit: MetricUnit, _ dimensions: [(String, String)],
        make: @escaping @Sendable () -> Series
    ) -> Series? {
        var values: [String: String] = [:]
        for (name, value) in dimensions { values[MetricName.label(name)] = value }
        let ordered = values.sorted { $0.key < $1.key }
        let help = "Reported by a library as \(label)."
        let family = familyIfFree(label, kind, unit, help, ordered.map(\.key), nil, make: make)
        guard let family else {
            countConflict()
            return nil
        }
        return family.with(ordered.map(\.value))
    }
}

private final class CounterAdapter: CounterHandler {
    private let counter: Counter
    init(_ counter: Counter) { self.counter = counter }
    func increment(by amount: Int64) { counter.add(max(0, amount)) }
    func reset() { counter.reset() }
}

private final class DoubleCellAdapter: FloatingPointCounterHandler, MeterHandler, RecorderHandler {
    private let cell: DoubleCell
    init(_ cell: DoubleCell) { self.cell = cell }
    func increment(by amount: Double) { cell.add(amount) }
    func decrement(by amount: Double) { cell.add(-amount) }
    func set(_ value: Int64) { cell.set(Double(value)) }
    func set(_ value: Double) { cell.set(value) }
    func record(_ value: Int64) { cell.set(Double(value)) }
    func record(_ value: Double) { cell.set(value) }
    func reset() { cell.set(0) }
}

private final class HistogramAdapter: RecorderHandler, TimerHandler {
    private let histogram: Histogram
    init(_ histogram: Histogram) { self.histogram = histogram }
    func record(_ value: Int64) { histogram.observe(number: Double(value)) }
    func record(_ value: Double) { histogram.observe(number: value) }
    func recordNanoseconds(_ duration: Int64) { histogram.observe(duration) }
}
