/// Cuts a watch into its events, a line each, while it arrives. A line that is no JSON does not spoil the next.
struct LineSplitter {
    enum Piece: Equatable {
        case line([UInt8])
        /// One that was longer than the limit; its bytes are not kept.
        case tooLong
    }

    private let limit: Int
    private var line: [UInt8] = []
    private var isTooLong = false

    init(limit: Int) { self.limit = limit }

    /// - Returns: the lines that are complete with these bytes, without empty ones; a line that becomes too long is told
    ///   once, and before its end.
    mutating func add(_ bytes: some Collection<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0a) {
            keep(rest[..<end], &pieces)
            if !isTooLong, !line.isEmpty { pieces.append(.line(line)) }
            line.removeAll(keepingCapacity: line.capacity <= 64 << 10)
            isTooLong = false
            rest = rest[rest.index(after: end)...]
        }
        keep(rest, &pieces)
        return pieces
    }

    private mutating func keep(_ bytes: some Collection<UInt8>, _ pieces: inout [Piece]) {
        guard !isTooLong else { return }
        guard line.count + bytes.count <= limit else {
            isTooLong = true
            line = []
            return pieces.append(.tooLong)
        }
        line += bytes
    }
}
