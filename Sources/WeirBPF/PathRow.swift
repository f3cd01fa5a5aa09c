import CWeirABI
public import WeirCore

/// How many messages and bytes of one workload went which way, and why.
public struct PathRow: Sendable, Codable, Hashable {
    /// Of the sender.
    public var workload: UInt32
    public var path: MessagePath
    public var messages: UInt64
    public var bytes: UInt64
    /// Sockets that were left out of the short cut for this reason, whose messages are not counted.
    public var sockets: UInt64
}

extension Maps {
    /// Every count of messages, summed over the processors, in the order of workload and path.
    public func readPaths() throws(BPFError) -> [PathRow] {
        var rows: [PathRow] = []
        for key in try paths.walk(weir_path_key.self) {
            var row = PathRow(
                workload: key.workload, path: MessagePath(rawValue: key.path), messages: 0, bytes: 0, sockets: 0)
            for value in try paths.values(of: key, as: weir_path_count.self) {
                row.messages += value.messages
                row.bytes += value.bytes
                row.sockets += value.sockets
            }
            rows.append(row)
        }
        return rows.sorted { ($0.workload, $0.path.rawValue) < ($1.workload, $1.path.rawValue) }
    }
}
