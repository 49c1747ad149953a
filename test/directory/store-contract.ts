// Owns what every store promises; run on each of them.
import { describe } from 'vitest';
import { logContract } from './contract/change-log.ts';
import { decisionContract } from './contract/decisions.ts';
import { deliveryContract } from './contract/deliveries.ts';
import { deviceContract } from './contract/devices.ts';
import type { StoreFixture } from './contract/fixture.ts';
import { leaseContract } from './contract/leases.ts';
import { lockContract } from './contract/locks.ts';
import { noteContract } from './contract/notes.ts';
import { partnershipContract } from './contract/partnerships.ts';
import { pushContract } from './contract/pushes.ts';
import { unreadableContract } from './contract/unreadable.ts';
import { userContract } from './contract/users.ts';
import { wipeContract } from './contract/wipes.ts';

export function storeContract(fixture: StoreFixture): void {
  describe('reports on devices', () => {
    deviceContract(fixture);
  });
  describe('reports on users', () => {
    userContract(fixture);
  });
  describe('partnerships', () => {
    partnershipContract(fixture);
  });
  describe('decisions', () => {
    decisionContract(fixture);
  });
  describe('a wipe', () => {
    wipeContract(fixture);
  });
  describe('the change log', () => {
    logContract(fixture);
  });
  describe('the lease of the leader', () => {
    leaseContract(fixture);
  });
  describe('deliveries that were carried out', () => {
    deliveryContract(fixture);
  });
  describe('answers to pushed records', () => {
    pushContract(fixture);
  });
  describe('notes about changed decisions', () => {
    noteContract(fixture);
  });
  describe('locks', () => {
    lockContract(fixture);
  });
  describe('records that are not understood', () => {
    unreadableContract(fixture);
  });
}
