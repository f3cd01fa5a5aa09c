import WeirBPF

/// When to look for pods that no plugin tells of. A runtime makes the namespace of a sandbox in a folder of its own, a
/// moment before the sandbox's first process: the folder's time is the cheapest sign that there is something to find.
struct SearchPace {
    enum Look {
        /// Where pods usually are.
        case quick
        /// Everywhere.
        case thorough
    }

    /// Of containerd and CRI-O, and of Docker.
    private static let folders = ["/run/netns", "/run/docker/netns"]
    private static let eager = Duration.seconds(3)
    private static let seldom = Duration.seconds(5)

    private var lastSign = ContinuousClock.now
    private var lastThoroughLook = ContinuousClock.now - seldom
    private var seen: [FileIdentity?] = []
    private var lastDuration = Duration.zero
    /// Whether the CNI plugin has told of a pod: then it tells of those that come, and looking is for what it missed.
    var isTold = false

    /// Until it is asked again which look is due. Looking takes a fifth of a core at most.
    var pause: Duration { isEager ? max(.milliseconds(5), lastDuration * 4) : .milliseconds(100) }

    /// How long the last quick look took.
    mutating func took(_ duration: Duration) { lastDuration = duration }

    /// Something has happened from which a pod may come.
    mutating func quicken() { lastSign = .now }

    /// - Returns: nil when none is due.
    mutating func due() -> Look? {
        let found = Self.folders.map(FileIdentity.init)
        if found != seen { quicken() }
        seen = found
        let now = ContinuousClock.now
        guard now - lastThoroughLook < Self.seldom else {
            lastThoroughLook = now
            return .thorough
        }
        return isEager ? .quick : nil
    }

    private var isEager: Bool { !isTold && ContinuousClock.now - lastSign < Self.eager }
}
