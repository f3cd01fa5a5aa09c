/// What an installation has to do with one whose maps have another layout.
extension Interceptor {
    /// What a process left that died while it installed. One that died while it took over may decide already.
    static func clearLeftovers(_ pins: PinDirectory) throws(BPFError) {
        for leftover in pins.leftovers() {
            guard Succession.deciding.contains(where: { leftover.has("links/\($0)") }) else {
                leftover.removeAll()
                continue
            }
            let process = leftover.path.dropFirst("\(pins.path)-new-".count)
            try leftover.publish(as: pins.exists ? pins.predecessor("\(process)") : pins)
        }
    }

    /// Whether another installation still decides.
    public var isWaiting: Bool { succession?.isWaiting ?? false }

    /// From here on this installation decides. Everything that the one before intercepted has to be registered.
    public func takeOver() throws(BPFError) {
        guard let succession else { return }
        try succession.takeOver()
        try hold(at: succession.cgroup)
    }

    /// Leaves the other installation in force, and removes this one.
    public func giveUp() { if isWaiting { succession?.staging.removeAll() } }

    /// Where this installation is pinned now.
    var currentPins: PinDirectory? { isWaiting ? succession?.staging : pins }

    /// Ends what predecessors do for connections that they decided. A link that decides is this installation's by now,
    /// and loses no more than a second name.
    public static func removePredecessors(_ pins: PinDirectory) {
        for directory in pins.predecessors() {
            for name in directory.names(in: "links") where !Succession.deciding.contains(name) {
                directory.detach("links/\(name)")
            }
            directory.removeAll()
        }
    }
}
