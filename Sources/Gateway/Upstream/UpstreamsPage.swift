internal import JSON
package import Limits
internal import Snapshots

/// What the running process tells operators of its upstreams, as JSON. No credential is in it.
package struct UpstreamsPage: Sendable {
    let plan: Snapshot<GatewayPlan>

    /// `{"window_seconds": 30, "models": [{"name": …, "retries_left": …, "upstreams": […]}]}`
    package func json(at now: Moment) -> [UInt8] {
        let plan = plan.current
        var writer = JSONWriter(capacity: 4_096)
        writer.object { writer in
            writer.key("window_seconds" as StaticString)
            writer.seconds(plan.settings.resilience.breaker.windowNanoseconds)
            writer.key("models" as StaticString)
            writer.array { writer in
                for model in plan.models.all { write(model, plan.states, at: now, into: &writer) }
            }
        }
        return writer.bytes
    }

    private func write(
        _ model: Model, _ states: UpstreamStates, at now: Moment, into writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.key("name" as StaticString)
            writer.string(model.settings.name)
            writer.key("retries_left" as StaticString)
            writer.int(model.retries.withLock { $0.left(at: now) })
            writer.key("upstreams" as StaticString)
            writer.array { writer in
                for upstream in model.settings.upstreams {
                    write(upstream, states[upstream.name].reading(at: now), into: &writer)
                }
            }
        }
    }

    private func write(_ upstream: UpstreamSettings, _ reading: UpstreamState.Reading, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("name" as StaticString)
            writer.string(upstream.name)
            writer.key("url" as StaticString)
            writer.string("\(upstream.usesTLS ? "https" : "http")://\(upstream.authority)\(upstream.basePath)")
            for (key, number) in [
                ("priority", upstream.priority), ("weight", upstream.weight), ("in_flight", reading.inFlight),
                ("queued", reading.queued), ("requests", reading.successes + reading.failures),
                ("failures", reading.failures),
            ] {
                writer.key(key)
                writer.int(number)
            }
            write(reading.state, into: &writer)
            writer.key("last_failure" as StaticString)
            guard let (failure, ago) = reading.lastFailure else { return writer.null() }
            writer.object { writer in
                writer.key("code" as StaticString)
                writer.string(failure.code)
                writer.key("seconds_ago" as StaticString)
                writer.seconds(ago)
            }
        }
    }

    private func write(_ state: UpstreamState.Reading.State, into writer: inout JSONWriter) {
        let (name, left, since): (String, Int64?, Int64?) =
            switch state {
            case .available: ("available", nil, nil)
            case .cooling(let left): ("cooling", left, nil)
            case .breakerOpen(let left): ("breaker_open", left, nil)
            case .breakerHalfOpen: ("breaker_half_open", nil, nil)
            case .unhealthy(let since): ("unhealthy", nil, since)
            }
        writer.key("state" as StaticString)
        writer.string(name)
        for (key, nanoseconds) in [("seconds_left", left), ("seconds_since", since)] {
            writer.key(key)
            if let nanoseconds { writer.seconds(nanoseconds) } else { writer.null() }
        }
    }
}

extension JSONWriter {
    /// To the thousandth.
    fileprivate mutating func seconds(_ nanoseconds: Int64) {
        double(Double(nanoseconds / 1_000_000) / 1_000)
    }
}
