import WeirCore

/// Ports that are excluded for some users, as elements of a concatenated interval set: users by ports, without
/// overlap, which the kernel refuses in such a set (nft_set_pipapo).
struct UserPortBoxes {
    /// "1-5 . 80-90"
    let elements: [String]

    init(_ entries: [UserPorts], _ transport: Transport) {
        let entries = entries.filter { $0.transports.contains(transport) }
        // Where the set of users that are matched changes.
        let bounds = Set(entries.flatMap { [UInt64($0.users.lowerBound), UInt64($0.users.upperBound) + 1] }).sorted()
        var boxes: [(users: ClosedRange<UInt32>, ports: PortSet)] = []
        for (start, end) in zip(bounds, bounds.dropFirst()) {
            let users = UInt32(start)...UInt32(end - 1)
            var ports = PortSet()
            for entry in entries where entry.users.contains(users.lowerBound) {
                ports.formUnion(PortSet(entry.ports))
            }
            if let last = boxes.last, last.ports == ports, last.users.upperBound + 1 == users.lowerBound {
                boxes[boxes.count - 1].users = last.users.lowerBound...users.upperBound
            } else if !ports.isEmpty {
                boxes.append((users, ports))
            }
        }
        elements = boxes.flatMap { box in
            box.ports.ranges.map { "\(SetText.users(box.users)) . \($0)" }
        }
    }
}
