package jdk.crac.impl;

import java.nio.channels.IllegalSelectorException;
import java.util.ArrayList;
import java.util.List;
import jdk.crac.CheckpointException;
import jdk.internal.standin.LiveJdkObjects;
import jdk.internal.standin.Vm;

/** What the JDK's own resources do before a checkpoint. Sockets and files are left to the VM. */
public final class JDKContext {
  private JDKContext() {}

  /** Throws where a selector cannot be closed. */
  public static void beforeCheckpoint() throws CheckpointException {
    LiveJdkObjects live = LiveJdkObjects.find();
    CheckpointException problems = new CheckpointException();
    List<Integer> exempt = new ArrayList<>(live.nioInternalFds);
    for (LiveJdkObjects.OpenSelector selector : live.selectors) {
      if (selector.channels.isEmpty()) {
        exempt.add(selector.epollFd);
        exempt.addAll(selector.wakeupFds);
      } else {
        problems.addSuppressed(new IllegalSelectorException());
      }
    }
    if ("keys".equals(System.getProperty("standin.watchservice"))) {
      for (LiveJdkObjects.OpenWatchService service : live.watchServices) {
        if (service.hasKeys) {
          problems.addSuppressed(
              new CheckpointException("LinuxWatchService.processCheckpointRestore with keys"));
        } else {
          for (int fd : service.fds) {
            exempt.add(fd);
          }
        }
      }
    }
    // A CRaC JDK of these generations tells the VM of the archives that ZipFile has open, and the
    // VM knows its own.
    exempt.addAll(live.zipFds);
    for (int fd : Vm.openDescriptors()) {
      String link = Vm.link(fd);
      if (link == null) {
        continue;
      }
      if (link.equals(System.getProperty("standin.jar"))
          || link.equals(System.getProperty("java.home") + "/lib/modules")) {
        exempt.add(fd);
      }
    }
    Vm.exempt(exempt.stream().mapToInt(Integer::intValue).toArray());
    if (problems.getSuppressed().length > 0) {
      throw problems;
    }
  }
}
