package jdk.internal.crac;

import java.nio.channels.Channel;
import java.util.ArrayList;
import java.util.List;
import jdk.internal.crac.mirror.CheckpointException;
import jdk.internal.crac.mirror.impl.CheckpointOpenResourceException;
import jdk.internal.crac.mirror.impl.CheckpointOpenSocketException;
import jdk.internal.crac.mirror.impl.ExceptionHolder;
import jdk.internal.standin.LiveJdkObjects;
import jdk.internal.standin.Vm;
import sun.nio.ch.BusySelectors;

/** What the JDK's own resources do before a checkpoint, by priority. */
public final class JDKContext {
  private JDKContext() {}

  public static void beforeCheckpoint(
      ClaimedFDs claimedFds, ExceptionHolder<CheckpointException> problems) {
    PersistentPaths persistent = new PersistentPaths();
    LiveJdkObjects live = LiveJdkObjects.find();
    List<Integer> closed = new ArrayList<>(live.nioInternalFds);

    for (LiveJdkObjects.Owner socket : live.sockets) {
      JDKSocketResourceBase.beforeCheckpoint(claimedFds, socket);
    }
    for (LiveJdkObjects.OpenSelector selector : live.selectors) {
      claimSelector(claimedFds, selector, closed, problems);
    }
    if ("keys".equals(System.getProperty("standin.watchservice"))) {
      for (LiveJdkObjects.OpenWatchService service : live.watchServices) {
        closeWatchService(service, closed, problems);
      }
    }
    for (LiveJdkObjects.OpenPipe pipe : live.pipes) {
      claimedFds.claimFd(
          pipe.sourceFd,
          pipe.object,
          () -> new CheckpointOpenResourceException(pipe.object.toString(), null));
      claimedFds.claimFd(pipe.sinkFd, pipe.object);
    }
    for (LiveJdkObjects.OpenFile file : live.files) {
      JDKFileResource.beforeCheckpoint(claimedFds, persistent, file);
    }
    for (LiveJdkObjects.Owner descriptor : live.rawDescriptors) {
      claimFileDescriptor(claimedFds, persistent, descriptor);
    }
    claimFilesOfTheVm(claimedFds, persistent);

    Vm.exempt(closed.stream().mapToInt(Integer::intValue).toArray());
  }

  private static void claimSelector(
      ClaimedFDs claimedFds,
      LiveJdkObjects.OpenSelector selector,
      List<Integer> closed,
      ExceptionHolder<CheckpointException> problems) {
    if (selector.channels.isEmpty()) {
      closed.add(selector.epollFd);
      closed.addAll(selector.wakeupFds);
      return;
    }
    List<String> channels = new ArrayList<>();
    for (Channel channel : selector.channels) {
      channels.add(channel.toString());
    }
    problems.handle(BusySelectors.newException(selector.selector, channels));
    if (!Boolean.parseBoolean(System.getProperty("standin.selector.claims", "true"))) {
      claimedFds.claimFd(selector.epollFd, selector.selector);
      selector.wakeupFds.forEach(fd -> claimedFds.claimFd(fd, selector.selector));
      return;
    }
    claimedFds.claimFd(
        selector.epollFd,
        selector.selector,
        () -> leftOpen("EPoll FD", selector.epollFd, selector.selector));
    for (int fd : selector.wakeupFds) {
      claimedFds.claimFd(
          fd, selector.selector, () -> leftOpen("EPoll Event FD", fd, selector.selector));
    }
  }

  private static Exception leftOpen(String kind, int fd, Object selector) {
    return new CheckpointOpenSocketException(
        kind + " " + fd + " left open in " + selector + " with registered keys.", null);
  }

  private static void closeWatchService(
      LiveJdkObjects.OpenWatchService service,
      List<Integer> closed,
      ExceptionHolder<CheckpointException> problems) {
    if (service.hasKeys) {
      problems.handle(
          new CheckpointOpenResourceException(
              "LinuxWatchService.processCheckpointRestore with keys", null));
      return;
    }
    for (int fd : service.fds) {
      closed.add(fd);
    }
  }

  private static void claimFileDescriptor(
      ClaimedFDs claimedFds, PersistentPaths persistent, LiveJdkObjects.Owner descriptor) {
    int fd = descriptor.fd;
    // Standard input and output, and what a class loader of the application's own has opened.
    if (fd <= 2 || persistent.contains(Vm.link(fd))) {
      claimedFds.claimFd(fd, descriptor.object);
      return;
    }
    claimedFds.claimFd(
        fd,
        descriptor.object,
        () ->
            new CheckpointOpenResourceException(
                "FileDescriptor " + fd + ": " + Vm.describe(fd), null));
  }

  /** The modules image and the archives that the VM itself reads. */
  private static void claimFilesOfTheVm(ClaimedFDs claimedFds, PersistentPaths persistent) {
    for (int fd : Vm.openDescriptors()) {
      if (claimedFds.isClaimed(fd)) {
        continue;
      }
      String link = Vm.link(fd);
      if (persistent.contains(link)) {
        claimedFds.claimFd(fd, link);
      }
    }
  }
}
