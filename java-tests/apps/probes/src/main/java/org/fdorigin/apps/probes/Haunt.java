package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * A native library, {@code --library=PATH}, makes sockets in signal handlers, at the ends of
 * threads, in events of the JVM and after its death. Each command is a door to one such place; the
 * answer says which native function made which descriptor, and on which thread.
 */
public final class Haunt {

  private static volatile boolean victimInJava;
  private static volatile boolean victimStruck;

  /** What is compiled in vain. */
  private static volatile int work;

  /** Doors that need no Java code but this, and how many sockets are made behind them. */
  private static final Map<String, Integer> SOCKETS =
      Map.of(
          "plain", 1,
          "signal", 1,
          "small-stack", 1,
          "unattached", 1,
          "repeated-compilation", 1,
          "guest-end", 2,
          "daemon", 2,
          "library", 2);

  private Haunt() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    int early = Integer.parseInt(console.option("early", "0"));
    console.on("early", () -> Map.of("opened", opened(early)));
    SOCKETS.forEach(
        (name, sockets) -> console.on(name, () -> enterByDoorSeventySeven(name, sockets)));
    console
        .on("interrupted-java", Haunt::interruptJava)
        .on("java-end", Haunt::endJavaThread)
        .on("collection", Haunt::collect)
        .on("compilation", Haunt::compile)
        .on("outlive", Haunt::outlive)
        .on("quit", Haunt::quit)
        .serve(Map.of());
  }

  private static Map<String, ?> enterByDoorSeventySeven(String name, int sockets) {
    enter(name); // MARK enter
    return Map.of("opened", opened(sockets));
  }

  /** Called by a native thread. */
  static void callBackSeventyEight() {
    enter("called-back"); // MARK called-back
  }

  /** The signal comes while this thread is between two turns of a loop. */
  private static Map<String, ?> interruptJava() throws InterruptedException {
    becomeVictim();
    Thread striker =
        new Thread(
            () -> {
              while (!victimInJava) {
                Thread.onSpinWait();
              }
              interruptVictim();
              victimStruck = true;
            });
    striker.start();
    victimInJava = true;
    while (!victimStruck) {
      work++;
    }
    striker.join();
    return Map.of("opened", opened(1));
  }

  private static Map<String, ?> endJavaThread() throws InterruptedException {
    Thread mortal = new Thread(() -> enter("java-end"), "mortal");
    mortal.start();
    mortal.join();
    return Map.of("opened", opened(2));
  }

  private static Map<String, ?> collect() {
    enter("collection");
    System.gc();
    return Map.of("opened", opened(2));
  }

  private static Map<String, ?> compile() {
    enter("compilation");
    for (int i = 0; !compilationSeen(); i++) {
      work = churn(i);
    }
    return Map.of("opened", opened(1));
  }

  private static int churn(int seed) {
    int value = seed;
    for (int i = 0; i < 1000; i++) {
      value = value * 31 + i;
    }
    return value;
  }

  private static Map<String, ?> outlive() {
    enter("outlive");
    Thread restless = new Thread(Haunt::goOnForEver, "restless");
    restless.setDaemon(true);
    restless.start();
    return Map.of();
  }

  private static Map<String, ?> quit() {
    System.exit(37);
    return Map.of();
  }

  private static native void enter(String door);

  private static native String opened(int count);

  private static native void becomeVictim();

  private static native void interruptVictim();

  private static native boolean compilationSeen();

  private static native void goOnForEver();
}
