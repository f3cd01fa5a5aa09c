public import CWeirABI
import CWeirBPF
import Glibc

/// Reads the records of connections that ended. One reader at a time gets each record.
public final class FlowReader {
    private let ring: OpaquePointer
    private let sink: Sink

    private final class Sink {
        var records: [weir_flow] = []
    }

    public init(_ maps: Maps) throws(BPFError) {
        let sink = Sink()
        self.sink = sink
        let opened = ring_buffer__new(
            maps.flows.raw,
            { context, data, size in
                guard let context, let data, size >= MemoryLayout<weir_flow>.size else { return 0 }
                let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
                sink.records.append(data.loadUnaligned(as: weir_flow.self))
                return 0
            }, Unmanaged.passUnretained(sink).toOpaque(), nil)
        guard let opened else { throw BPFError(code: errno, operation: "read", subject: "weir_flows") }
        ring = opened
    }

    deinit { ring_buffer__free(ring) }

    /// Waits until the ring is a quarter full, or for the time given.
    public func wait(milliseconds: Int32) {
        var event = epoll_event()
        _ = epoll_wait(ring_buffer__epoll_fd(ring), &event, 1, milliseconds)
    }

    /// The records since the last call, oldest first.
    public func drain() throws(BPFError) -> [weir_flow] {
        try check(ring_buffer__consume(ring), "read", "weir_flows")
        defer { sink.records.removeAll(keepingCapacity: true) }
        return sink.records
    }
}
