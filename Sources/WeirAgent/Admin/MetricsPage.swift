import NIOCore

/// `/metrics`, which costs a look at every counter: one rendering at a time, for everyone who waits for it, and a tenth
/// of a processor at most. Nobody gets an old page.
actor MetricsPage {
    private let render: @Sendable () async throws -> String
    private var waiting: Task<ByteBuffer, any Error>?
    private var last: Task<ByteBuffer, any Error>?
    private var next = ContinuousClock.now

    init(_ render: @escaping @Sendable () async throws -> String) { self.render = render }

    func text() async throws -> ByteBuffer {
        if let waiting { return try await waiting.value }
        let before = last
        let task = Task { () async throws -> ByteBuffer in
            _ = await before?.result
            try await Task.sleep(until: next)
            // Who comes from here on waits for the next one.
            waiting = nil
            let start = ContinuousClock.now
            defer { next = .now + min(.seconds(1), (.now - start) * 9) }
            return ByteBuffer(string: try await render())
        }
        (waiting, last) = (task, task)
        return try await task.value
    }
}
