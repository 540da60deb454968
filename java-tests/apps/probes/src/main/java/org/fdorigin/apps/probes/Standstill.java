package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.fdorigin.apps.console.Console;

/**
 * A thread opens a descriptor, or lets malloc open one, while another waits for it: the VM thread
 * at a safepoint, or the main thread; in a native library, {@code --library=PATH}. The answers say
 * whether the first thread came through while it was waited for.
 */
public final class Standstill {

  private Standstill() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    console
        .on("open", () -> openWhileWaitedFor(Standstill::startPlatformThread))
        .on("open-virtual", () -> openWhileWaitedFor(Standstill::startVirtualThread))
        .on("release", () -> releaseWhileWaitedFor(System::gc))
        .on("release-calmly", () -> releaseWhileWaitedFor(Standstill::letGo))
        .serve(Map.of());
  }

  private interface Starter {
    void start(Runnable body) throws ReflectiveOperationException;
  }

  private static void startPlatformThread(Runnable body) {
    Thread thread = new Thread(body);
    thread.setDaemon(true);
    thread.start();
  }

  /** By reflection, since this is compiled for JDKs without them. */
  private static void startVirtualThread(Runnable body) throws ReflectiveOperationException {
    Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, body);
  }

  private static Map<String, ?> openWhileWaitedFor(Starter starter) throws Exception {
    CompletableFuture<Integer> fd = new CompletableFuture<>();
    starter.start(() -> openFiftyThree(fd));
    awaitReady();
    System.gc();
    return cameThrough() ? Map.of("through", true, "fd", fd.get()) : Map.of("through", false);
  }

  private static Map<String, ?> releaseWhileWaitedFor(Runnable leave) throws Exception {
    CompletableFuture<Boolean> opened = new CompletableFuture<>();
    startPlatformThread(() -> releaseFiftyFour(opened));
    awaitReady();
    leave.run();
    return cameThrough()
        ? Map.of("through", true, "opened", opened.get())
        : Map.of("through", false);
  }

  /** Runs for the first time when it is called: nobody has asked for its jmethodID. */
  private static void openFiftyThree(CompletableFuture<Integer> fd) {
    fd.complete(open()); // MARK open
  }

  private static void releaseFiftyFour(CompletableFuture<Boolean> opened) {
    opened.complete(release());
  }

  private static native int open();

  private static native boolean release();

  private static native void awaitReady();

  private static native void letGo();

  private static native boolean cameThrough();
}
