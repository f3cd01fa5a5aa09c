import WeirCore

/// Ports that are excluded for some users, as elements of a concatenated interval set: users by ports, without
/// overlap, which the kernel refuses in such a set (nft_set_pipapo).
struct UserPortBoxes {
    /// "1-5 . 80-90"
    let elements: [String]

    init(_ entries: [UserPorts], _ transport: Transport) {
        let entries = entries.filter { $0.transports.contains(transport) && !$0.ports.isEmpty }
            .sorted { $0.users.lowerBound < $1.users.lowerBound }
        // Where the set of users that are matched changes.
        let bounds = Set(entries.flatMap { [UInt64($0.users.lowerBound), UInt64($0.users.upperBound) + 1] }).sorted()
        var boxes: [(users: ClosedRange<UInt32>, ports: [PortRange])] = []
        // Those that match the users between two bounds: together no more than the policy's users one by one.
        var matching: [UserPorts] = []
        var next = 0
        for (start, end) in zip(bounds, bounds.dropFirst()) {
            let users = UInt32(start)...UInt32(end - 1)
            matching.removeAll { $0.users.upperBound < users.lowerBound }
            while next < entries.count, entries[next].users.lowerBound <= users.lowerBound {
                matching.append(entries[next])
                next += 1
            }
            guard !matching.isEmpty else { continue }
            let ports = PortRange.merged(matching.flatMap(\.ports))
            if let last = boxes.last, last.ports == ports, last.users.upperBound + 1 == users.lowerBound {
                boxes[boxes.count - 1].users = last.users.lowerBound...users.upperBound
            } else {
                boxes.append((users, ports))
            }
        }
        elements = boxes.flatMap { box in box.ports.map { "\(SetText.users(box.users)) . \($0)" } }
    }
}
