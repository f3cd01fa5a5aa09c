import CWeirBPF
import Glibc

/// A link that was given another installation's program, and can be given its own again.
final class MovedLink {
    private let name: String
    private let link: Descriptor
    private let earlier: Descriptor

    /// Pins the link in `staging`, too, and then replaces its program.
    /// - Throws: after the link is as it was.
    init(_ name: String, from pins: PinDirectory, to staging: PinDirectory, _ program: Int32) throws(BPFError) {
        let link = Descriptor(owning: try pins.open(name))
        var info = bpf_link_info()
        try check(weir_link_info(link.raw, &info), "inspect", name)
        let earlier = Descriptor(
            owning: try check(bpf_prog_get_fd_by_id(info.prog_id), "open", "the program in \(name)"))
        try staging.pin(link.raw, name)
        let error = weir_link_update(link.raw, program)
        if error < 0 { staging.remove(name) }
        try check(error, "replace the program in", name)
        self.name = name
        self.link = link
        self.earlier = earlier
    }

    /// Puts the earlier program back, and then takes the pin out of `staging`.
    func moveBack(_ staging: PinDirectory) {
        guard weir_link_update(link.raw, earlier.raw) == 0 else { return }
        staging.remove(name)
    }
}
